import { Clock, Effect } from "effect"

/** What `/ping` says; the time is that of the last change, in whole seconds since 1970. */
export interface Ping {
  readonly status: "Healthy" | "HealthyBusy"
  readonly time_of_last_update: number
}

/** Busy while anything is entered that has not left. */
export interface Health {
  readonly enter: Effect.Effect<void>
  readonly leave: Effect.Effect<void>
  readonly ping: Effect.Effect<Ping>
}

/** The time is not read before somebody asks: a snapshot of the fresh process may be started days later. */
export const makeHealth = (): Health => {
  let busy = 0
  let since: number | undefined
  const seconds = Effect.map(Clock.currentTimeMillis, (now) => Math.floor(now / 1000))
  const change = (by: number) =>
    Effect.map(seconds, (now) => {
      const before = busy > 0
      busy += by
      if (busy > 0 !== before) since = now
    })
  return {
    enter: change(1),
    leave: change(-1),
    ping: Effect.map(seconds, (now) => ({
      status: busy > 0 ? "HealthyBusy" : "Healthy",
      time_of_last_update: (since ??= now)
    }))
  }
}
