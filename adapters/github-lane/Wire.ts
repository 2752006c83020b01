import { Either, Option, Schema } from "effect"

/**
 * How work stands, in a lane's words. `unknown`: the lane has nothing under this handle and will have nothing.
 * `cancelled`: it was stopped and nothing of it runs any more.
 */
export const LaneWord = Schema.Literal("pending", "running", "succeeded", "failed", "cancelled", "unknown")

/** What a status command prints, as JSON or as a word with its detail behind it. */
export const LaneReport = Schema.Struct({
  status: LaneWord,
  returncode: Schema.optional(Schema.NullOr(Schema.Int)),
  detail: Schema.optional(Schema.NullOr(Schema.String)),
  /** All that the work has said so far, from its beginning. */
  log: Schema.optional(Schema.NullOr(Schema.String))
})
export type LaneReport = typeof LaneReport.Type

const fromJson = Schema.decodeUnknownOption(Schema.parseJson(LaneReport))
const isWord = Schema.is(LaneWord)

/** What was printed, understood; nothing if it is neither form. */
export const reportOf = (printed: string): Option.Option<LaneReport> =>
  Option.orElse(fromJson(printed), () => {
    const [, first = "", rest = ""] = /^\s*([A-Za-z]+)\b[\s:,.-]*([^]*)$/.exec(printed) ?? []
    const status = first.toLowerCase()
    return isWord(status) ? Option.some({ status, detail: rest.trim() }) : Option.none()
  })

/** How far a lane's log and its detail have been told. */
const Cursor = Schema.Struct({ log: Schema.NonNegativeInt, said: Schema.String })
export type Cursor = typeof Cursor.Type

const decodeCursor = Schema.decodeUnknownEither(Cursor)

export const cursorOf = (kept: unknown): Cursor =>
  Either.getOrElse(decodeCursor(kept), (): Cursor => ({ log: 0, said: "" }))

/** How the command that handed the work over ended. */
const Handed = Schema.Struct({ returncode: Schema.Int, detail: Schema.String })

export const handedOver = Schema.decodeUnknownOption(Handed)
