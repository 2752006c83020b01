import { Schema } from "effect"

/** What `doctor --json` tells of what is left over, and of what became of it. */
export const SweepReport = Schema.parseJson(
  Schema.Struct({
    ok: Schema.Boolean,
    sweep: Schema.Array(
      Schema.Struct({
        kind: Schema.String,
        taskId: Schema.optional(Schema.String),
        what: Schema.String,
        action: Schema.String,
        because: Schema.optional(Schema.String),
        outcome: Schema.optional(Schema.String),
        detail: Schema.optional(Schema.String)
      })
    )
  })
)
