import { Context, Effect, Layer, Schema } from "effect"
import {
  AdapterUnsupported,
  BackendFailed,
  CredentialRefused,
  type DispatchError,
  InvalidInput
} from "../domain/DispatchError.js"
import { Adapters, type Delivery } from "../services/Adapter.js"
import { Audit } from "../services/Audit.js"
import { Ids } from "../services/Ids.js"
import { Redactor } from "../services/Redactor.js"
import { Store } from "../services/Store.js"
import { guard } from "./AdapterAnswer.js"
import { makeVisible } from "./Visible.js"

/** What became of a message. */
export const MessageView = Schema.Struct({
  taskId: Schema.String,
  messageId: Schema.String,
  delivery: Schema.Literal("delivered", "queued", "unknown")
})
export type MessageView = typeof MessageView.Type

const shown = 200
/** So many characters of a message the audit keeps. */
const preview = 120

/** Speaks to the agent that has a task, in the session it already works in. */
export class FollowUp extends Context.Tag("agentdispatch/FollowUp")<
  FollowUp,
  {
    /** The same message id again is the same message: it is not delivered twice. */
    readonly send: (id: string, text: string, messageId?: string) => Effect.Effect<MessageView, DispatchError>
  }
>() {
  static readonly layer = Layer.effect(
    FollowUp,
    Effect.gen(function* () {
      const store = yield* Store
      const adapters = yield* Adapters
      const audit = yield* Audit
      const ids = yield* Ids
      const find = yield* makeVisible
      const { secretIn } = yield* Redactor

      /** A message belongs to the journal; a journal that is busy must not make a delivered message a failure. */
      const note = Effect.fn("followUp.note")(
        function* (id: string, messageId: string, text: string, delivery: Delivery | "sending") {
          const task = yield* find(id)
          yield* store.commit(task, {
            entries: [
              {
                type: "task.progress",
                message: `Message to the agent: ${delivery}`,
                payload: { messageId, delivery, text: text.slice(0, shown) }
              }
            ]
          })
        },
        Effect.retry({ while: (error) => error._tag === "TaskChanged", times: 20 })
      )

      const send = Effect.fn("followUp.send")(function* (id: string, text: string, given?: string) {
        if (text.trim() === "") return yield* new InvalidInput({ path: "text", problem: "is blank; say something" })
        if (secretIn(text) !== undefined) return yield* new CredentialRefused({ path: "text" })
        if (secretIn(given ?? "") !== undefined) return yield* new CredentialRefused({ path: "message_id" })
        const task = yield* find(id)
        const adapter = yield* adapters.find(task.request.adapter)
        const deliver = adapter.send
        if (deliver === undefined) {
          return yield* new AdapterUnsupported({
            adapter: task.request.adapter,
            wanted: "follow-up messages",
            offered: ["status", "logs", "result", "cancel"]
          })
        }
        const messageId = given ?? (yield* ids.token)
        yield* note(id, messageId, text, "sending")
        const { delivery } = yield* guard("send", () => deliver(task, { id: messageId, text })).pipe(
          Effect.mapError(({ code, message, retryable }) => new BackendFailed({ code, detail: message, retryable }))
        )
        yield* Effect.catchAll(note(id, messageId, text, delivery), (error) =>
          Effect.logWarning(`${id}: the delivery of message ${messageId} could not be written down: ${error.message}`)
        )
        return { taskId: task.id, messageId, delivery }
      })

      return {
        send: (id, text, messageId) =>
          send(id, text, messageId).pipe(
            Effect.tapBoth({
              onSuccess: (view) =>
                audit.append({
                  event: "send_task_message",
                  taskId: id,
                  outcome: view.delivery,
                  detail: { messageId: view.messageId },
                  sensitive: { text: text.slice(0, preview) }
                }),
              onFailure: (error) =>
                audit.append({
                  event: "send_task_message",
                  taskId: id,
                  outcome: "refused",
                  code: error.code,
                  // What was refused for what it says is not said again.
                  ...(error._tag === "CredentialRefused" ? {} : { sensitive: { text: text.slice(0, preview) } })
                })
            })
          )
      }
    })
  )
}
