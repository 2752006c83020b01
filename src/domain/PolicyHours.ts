import { DateTime, Option } from "effect"
import { Day, type Hours } from "./PolicyConfig.js"

const day = 24 * 60

const minutesOf = (time: string): number => {
  const [hours = "", minutes = ""] = time.split(":")
  return Number(hours) * 60 + Number(minutes)
}

const zoned = ({ timeZone }: Hours, at: number) => Option.getOrThrow(DateTime.makeZoned(at, { timeZone }))

/** Whether an instant, in milliseconds since 1970, lies in the window as a clock on the wall there shows it. */
export const isWithin = (hours: Hours, at: number): boolean => {
  const { hours: hour, minutes, weekDay } = DateTime.toParts(zoned(hours, at))
  const now = hour * 60 + minutes
  const [from, to] = [minutesOf(hours.from), minutesOf(hours.to)]
  const on = (number: number) => hours.days === undefined || hours.days.some((name) => name === Day.literals[number])
  const [today, yesterday] = [on(weekDay), on((weekDay + 6) % 7)]
  return from < to ? today && now >= from && now < to : (today && now >= from) || (yesterday && now < to)
}

/** The next instant at which the window opens, or, while it is open, closes; nothing within eight days. */
export const nextTurn = (hours: Hours, at: number): number | undefined => {
  const open = isWithin(hours, at)
  const turns = Array.from({ length: 9 }, (_, days) =>
    minuteOfDay(hours, at, days, minutesOf(open ? hours.to : hours.from))
  )
  return turns.find((turn) => turn > at && isWithin(hours, turn) !== open)
}

const minuteOfDay = (hours: Hours, at: number, days: number, minute: number): number => {
  const whole = Math.floor(minute / day)
  const parts = { hours: Math.floor((minute % day) / 60), minutes: minute % 60, seconds: 0, millis: 0 }
  return DateTime.toEpochMillis(DateTime.setParts(DateTime.add(zoned(hours, at), { days: days + whole }), parts))
}
