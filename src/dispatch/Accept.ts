import { Effect, Either } from "effect"
import { CredentialRefused, type DispatchError, IdempotencyConflict, QuotaReached } from "../domain/DispatchError.js"
import { canonical, type JsonObject } from "../domain/Json.js"
import { detailOf } from "../domain/PastDispatch.js"
import type { RoutedRequest, Task } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { Audit, type AuditRecord } from "../services/Audit.js"
import { isLocal } from "../services/Caller.js"
import { Ids } from "../services/Ids.js"
import { Redactor } from "../services/Redactor.js"
import { Scheduler } from "../services/Scheduler.js"
import { Store } from "../services/Store.js"
import { makeRuling } from "./Ruling.js"
import { expiredFor } from "./Visible.js"

export interface Accept {
  /** The same key with the same call is the same task. */
  readonly idempotencyKey?: string | undefined
  /** Another name for the task, made from its id. */
  readonly aliasOf?: ((taskId: string) => Effect.Effect<string>) | undefined
  /** What else the audit keeps about the accepted task. */
  readonly audited?: ((task: Task) => Pick<AuditRecord, "detail" | "sensitive">) | undefined
}

/** How every tool that dispatches takes work in: decided by the policy, on disk, in the audit, before anything runs. */
export const makeAccept = Effect.gen(function* () {
  const store = yield* Store
  const adapters = yield* Adapters
  const audit = yield* Audit
  const scheduler = yield* Scheduler
  const ids = yield* Ids
  const { secretIn } = yield* Redactor
  const ruled = yield* makeRuling

  const refused = (tool: string, error: DispatchError, routed: Either.Either<RoutedRequest, DispatchError>) =>
    error._tag === "NeedsAnswers"
      ? Effect.void
      : audit.append({
          event: tool,
          outcome: "refused",
          code: error.code,
          ...Either.match(routed, {
            onLeft: () => ({}),
            onRight: (request) => ({ detail: detailOf(request), sensitive: previewOf(request) })
          }),
          ...(error._tag === "PolicyDenied" || error._tag === "QuotaReached" ? { rule: error.rule } : {})
        })

  return Effect.fn("dispatch.accept")(
    function* (tool: string, routed: Either.Either<RoutedRequest, DispatchError>, options: Accept) {
      const request = yield* routed
      if (secretIn(options.idempotencyKey ?? "") !== undefined) {
        return yield* new CredentialRefused({ path: "idempotency_key" })
      }
      const {
        decision: { rule },
        principal,
        quotas,
        refusal
      } = yield* ruled(tool, request)
      if (refusal !== undefined) return yield* refusal
      const adapter = yield* adapters.find(request.adapter)
      const id = yield* ids.taskId
      const cloudAgent = adapter.describe({ id, request })
      const { aliasOf, idempotencyKey } = options
      const { task, existed } = yield* store
        .create({
          id,
          request,
          principal,
          quotas,
          ...(aliasOf === undefined ? {} : { alias: yield* aliasOf(id) }),
          ...(cloudAgent === undefined ? {} : { cloudAgent }),
          ...(idempotencyKey === undefined
            ? {}
            : {
                idempotency: {
                  key: keyOf(principal, idempotencyKey),
                  fingerprint: yield* ids.digest(meaningOf(tool, request))
                }
              })
        })
        .pipe(
          Effect.catchTags({
            IdempotencyConflict: ({ expired, key, taskId }) =>
              new IdempotencyConflict({ key: idempotencyKey ?? key, taskId, expired: expiredFor(principal, expired) }),
            QuotaReached: ({ allowed, limit, retryAt }) => new QuotaReached({ rule, limit, allowed, retryAt })
          })
        )
      const more = options.audited?.(task)
      yield* audit.append({
        event: tool,
        taskId: task.id,
        ...(task.alias === undefined ? {} : { handle: task.alias }),
        outcome: existed ? "repeated" : "accepted",
        rule,
        detail: { ...detailOf(request), ...more?.detail },
        sensitive: { ...previewOf(request), ...more?.sensitive }
      })
      yield* scheduler.wake(task.id)
      return task
    },
    (accepting, tool, routed) => Effect.tapError(accepting, (error) => refused(tool, error, routed))
  )
})

/** Two principals may choose the same key, and neither may learn of the other's task by it. */
const keyOf = (principal: string, key: string): string => (isLocal(principal) ? key : canonical([principal, key]))

/** What makes two calls the same call, whatever the config has become between them. */
const meaningOf = (
  tool: string,
  { accountProfile, backend, input, metadata, runtime, target, taskType }: RoutedRequest
): string =>
  canonical([
    tool,
    runtime ?? null,
    accountProfile,
    backend,
    taskType,
    target.mode,
    target.protocol ?? null,
    target.details ?? null,
    input,
    metadata ?? null
  ])

const preview = 120

/** Enough of an instruction to know it again. */
const previewOf = ({ input: { instruction } }: RoutedRequest): JsonObject =>
  typeof instruction === "string" ? { instruction: instruction.slice(0, preview) } : {}
