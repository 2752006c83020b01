import { Effect } from "effect"
import { Fanout } from "../dispatch/Fanout.js"
import { InvalidInput } from "../domain/DispatchError.js"
import { GroupView } from "../domain/Fanout.js"
import * as Fields from "./Fields.js"
import * as Reply from "./Reply.js"
import { keyOf, spawnCallOf } from "./SpawnTools.js"
import { decodeArguments, tool } from "./Tool.js"

export const spawnCloudAgents = tool(
  {
    title: "Spawn many agents",
    description:
      "Hands over several pieces of work, all or none, and returns their group and taskIds. await_task and cancel_task take the group too.",
    readOnly: false,
    idempotent: false
  },
  Fields.fanout,
  GroupView,
  (args, context) =>
    Effect.gen(function* () {
      const fanout = yield* Fanout
      const items = yield* Effect.forEach(args.items, (item, index) =>
        Effect.gen(function* () {
          const { key, ...own } = item
          const { depends_on, idempotency_key, parent_task_id, ...spawn } = yield* decodeArguments(Fields.spawn, {
            ...args.shared,
            ...own
          })
          if (idempotency_key !== undefined || parent_task_id !== undefined) {
            return yield* new InvalidInput({
              path: idempotency_key === undefined ? "parent_task_id" : "idempotency_key",
              problem: "belongs beside the items: it is one for all of them"
            })
          }
          return { key, dependsOn: depends_on ?? [], call: yield* spawnCallOf(spawn) }
        }).pipe(
          Effect.catchTag(
            "InvalidInput",
            ({ path, problem }) => new InvalidInput({ path: `items[${index}].${path}`, problem })
          )
        )
      )
      return Reply.value(
        yield* fanout.spawn({
          items,
          parent: args.parent_task_id,
          idempotencyKey: keyOf(args.idempotency_key, context)
        })
      )
    })
)
