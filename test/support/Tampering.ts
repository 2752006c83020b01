import { FastCheck } from "effect"

type Tampering = (bytes: Buffer) => Buffer

const lineTampering = (change: (lines: Array<string>, at: number, other: number) => void) =>
  FastCheck.tuple(FastCheck.nat(), FastCheck.nat()).map(([at, other]): Tampering => (bytes) => {
    const all = bytes.toString("utf8").split("\n").slice(0, -1)
    change(all, at % all.length, other % all.length)
    return Buffer.from(all.map((line) => `${line}\n`).join(""))
  })

/** One change of a log: a byte, a cut, or a line deleted, put in or exchanged. */
export const tampering: FastCheck.Arbitrary<Tampering> = FastCheck.oneof(
  FastCheck.tuple(FastCheck.nat(), FastCheck.integer({ min: 1, max: 255 })).map(([at, mask]): Tampering => (bytes) => {
    const flipped = Buffer.from(bytes)
    flipped[at % bytes.length] = (flipped[at % bytes.length] ?? 0) ^ mask
    return flipped
  }),
  FastCheck.nat().map(
    (at): Tampering =>
      (bytes) =>
        bytes.subarray(0, at % bytes.length)
  ),
  lineTampering((all, at) => void all.splice(at, 1)),
  lineTampering((all, at) => void all.splice(at)),
  lineTampering((all, at, other) => void all.splice(at, 0, all[other] ?? "")),
  lineTampering((all, at, other) => {
    const [one = "", two = ""] = [all[at], all[other]]
    all[at] = two
    all[other] = one
  })
)

/** The number of the first line that is not what it was. */
export const firstChanged = (was: Buffer, is: Buffer): number => {
  const [before, now] = [was.toString("latin1").split("\n"), is.toString("latin1").split("\n")]
  return (
    before.findIndex((line, index) => line !== now[index] || (index === now.length - 1 && now.length < before.length)) +
    1
  )
}
