import { Schema } from "effect"

/** One table of a move: how many rows, and a sum over what they say that does not depend on their order. */
export interface MovedTable {
  readonly table: string
  readonly rows: number
  readonly sum: string
}

/** What a move came to. */
export interface MoveReport {
  /** Host and database, never the URL. */
  readonly target: string
  readonly tables: ReadonlyArray<MovedTable>
  readonly outcome: "would move" | "moved" | "was already there"
}

/** Nothing was moved, and both databases are as they were. */
export class MoveRefused extends Schema.TaggedError<MoveRefused>()("MoveRefused", { problem: Schema.String }) {
  readonly code = "store.move_refused"
  override get message() {
    return `Nothing was moved: ${this.problem}`
  }
}
