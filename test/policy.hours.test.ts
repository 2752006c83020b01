import { assert, describe, it } from "@effect/vitest"
import { DateTime, FastCheck } from "effect"
import { Day, type Hours } from "../src/domain/PolicyConfig.js"
import { isWithin, nextTurn } from "../src/domain/PolicyHours.js"

const at = (iso: string) => DateTime.unsafeMake(iso).epochMillis

const cases: ReadonlyArray<
  readonly [what: string, hours: Hours, inside: ReadonlyArray<string>, outside: ReadonlyArray<string>]
> = [
  [
    "opens at from and is closed at to",
    { from: "09:00", to: "17:30", timeZone: "UTC" },
    ["2026-03-04T09:00:00Z", "2026-03-04T17:29:59Z"],
    ["2026-03-04T08:59:59Z", "2026-03-04T17:30:00Z"]
  ],
  [
    "goes over midnight",
    { from: "22:00", to: "06:00", timeZone: "UTC" },
    ["2026-03-04T22:00:00Z", "2026-03-05T00:00:00Z", "2026-03-05T05:59:59Z"],
    ["2026-03-04T21:59:59Z", "2026-03-05T06:00:00Z"]
  ],
  [
    "belongs to the day it began on",
    { days: ["fri"], from: "22:00", to: "06:00", timeZone: "UTC" },
    ["2026-03-06T22:30:00Z", "2026-03-07T05:00:00Z"],
    ["2026-03-06T05:00:00Z", "2026-03-07T22:30:00Z"]
  ],
  [
    "can be a whole day",
    { days: ["sun"], from: "00:00", to: "24:00", timeZone: "UTC" },
    ["2026-03-08T00:00:00Z", "2026-03-08T23:59:59Z"],
    ["2026-03-07T23:59:59Z", "2026-03-09T00:00:00Z"]
  ],
  ["is never open on no day", { days: [], from: "00:00", to: "24:00", timeZone: "UTC" }, [], ["2026-03-08T12:00:00Z"]],
  [
    "follows the clock of its place through the year",
    { from: "09:00", to: "10:00", timeZone: "Europe/Berlin" },
    ["2026-01-15T08:30:00Z", "2026-07-15T07:30:00Z"],
    ["2026-01-15T07:30:00Z", "2026-07-15T08:30:00Z"]
  ],
  [
    "is an hour shorter in the night the clock goes forward",
    { from: "01:30", to: "03:30", timeZone: "Europe/Berlin" },
    ["2026-03-29T00:30:00Z", "2026-03-29T01:29:59Z"],
    ["2026-03-29T00:29:59Z", "2026-03-29T01:30:00Z"]
  ],
  [
    "is open twice where the clock goes back over it",
    { from: "02:15", to: "02:45", timeZone: "Europe/Berlin" },
    ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
    ["2026-10-25T00:50:00Z", "2026-10-25T01:50:00Z"]
  ],
  [
    "has the weekday of its place",
    { days: ["mon"], from: "00:00", to: "24:00", timeZone: "Pacific/Auckland" },
    ["2026-03-08T12:00:00Z"],
    ["2026-03-09T12:00:00Z"]
  ]
]

describe("a rule's hours", () => {
  for (const [what, hours, inside, outside] of cases) {
    it(`${what}`, () => {
      for (const iso of inside) assert.isTrue(isWithin(hours, at(iso)), iso)
      for (const iso of outside) assert.isFalse(isWithin(hours, at(iso)), iso)
    })
  }

  const time = FastCheck.tuple(FastCheck.nat(23), FastCheck.nat(59)).map((parts) =>
    parts.map((part) => String(part).padStart(2, "0")).join(":")
  )
  const some = FastCheck.record({
    days: FastCheck.uniqueArray(FastCheck.constantFrom(...Day.literals), { minLength: 1 }),
    from: time,
    to: time,
    timeZone: FastCheck.constantFrom("Europe/Berlin", "America/St_Johns", "Pacific/Auckland", "UTC")
  }).filter(({ from, to }) => from !== to)

  it("turn next where they say, and not before", () => {
    FastCheck.assert(
      FastCheck.property(some, FastCheck.integer({ min: 1_700_000_000, max: 1_900_000_000 }), (hours, seconds) => {
        const now = seconds * 1_000
        const turn = nextTurn(hours, now)
        if (turn === undefined) return
        assert.isAbove(turn, now)
        assert.notStrictEqual(isWithin(hours, turn), isWithin(hours, now))
      })
    )
  })
})
