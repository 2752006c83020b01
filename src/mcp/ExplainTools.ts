import { Effect, Schema } from "effect"
import type { InvalidInput } from "../domain/DispatchError.js"
import { JsonObject } from "../domain/Json.js"
import { DispatchTool } from "../domain/PolicyConfig.js"
import { Explain, type Intention, unrouted } from "../dispatch/Explain.js"
import * as Fields from "./Fields.js"
import { unitCallOf } from "./LaneTools.js"
import * as Reply from "./Reply.js"
import { dispatchCallOf, spawnCallOf } from "./SpawnTools.js"
import { decodeArguments, tool } from "./Tool.js"

/** The rest of an explanation (limits, request, questions, error) is for reading; its schema would cost every conversation. */
const Explained = Schema.Struct({
  decision: Schema.Literal("allow", "deny", "needs_answers", "invalid"),
  rule: Schema.optional(Schema.String),
  reason: Schema.String,
  wouldChange: Schema.Array(Schema.String)
})

/** Each tool's arguments are decoded as that tool decodes them. */
const intentionOf = (name: DispatchTool, args: JsonObject): Effect.Effect<Intention, InvalidInput> => {
  switch (name) {
    case "spawn_cloud_agent":
      return decodeArguments(Fields.spawn, args).pipe(
        Effect.flatMap(spawnCallOf),
        Effect.map((call) => ({ tool: name, call }))
      )
    case "dispatch_task":
      return Effect.map(decodeArguments(Fields.dispatch, args), (given) => ({
        tool: name,
        call: dispatchCallOf(given)
      }))
    case "dispatch_unit":
      return Effect.map(decodeArguments(Fields.unit, args), (given) => ({ tool: name, call: unitCallOf(given) }))
  }
}

export const explainDispatch = tool(
  {
    title: "Explain a dispatch",
    description:
      "What a call of a dispatching tool would come to, by which policy rule, and what would change that. Starts nothing.",
    readOnly: true,
    idempotent: true
  },
  Schema.Struct({ tool: DispatchTool, arguments: Fields.optional(JsonObject, "As that tool takes them") }),
  Explained,
  (args) =>
    Effect.gen(function* () {
      const { explain } = yield* Explain
      const intention = yield* Effect.either(intentionOf(args.tool, args.arguments ?? {}))
      const explanation = intention._tag === "Left" ? unrouted(intention.left) : yield* explain(intention.right)
      return Reply.value(explanation)
    })
)
