import { Clock, Effect, type Either } from "effect"
import { type DispatchError, IdempotencyConflict, PolicyDenied } from "../domain/DispatchError.js"
import { canonical, type JsonObject } from "../domain/Json.js"
import * as Policy from "../domain/Policy.js"
import type { RoutingError } from "../domain/Routing.js"
import type { RoutedRequest } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { Audit } from "../services/Audit.js"
import { Caller } from "../services/Caller.js"
import { Ids } from "../services/Ids.js"
import { Scheduler } from "../services/Scheduler.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"

export interface Accept {
  /** The same key with the same call is the same task. */
  readonly idempotencyKey?: string | undefined
  /** Another name for the task, made from its id. */
  readonly aliasOf?: ((taskId: string) => Effect.Effect<string>) | undefined
}

/** How every tool that dispatches takes work in: decided by the policy, on disk, in the audit, before anything runs. */
export const makeAccept = Effect.gen(function* () {
  const store = yield* Store
  const adapters = yield* Adapters
  const audit = yield* Audit
  const scheduler = yield* Scheduler
  const ids = yield* Ids
  const { config } = yield* Settings

  const decided = Effect.fnUntraced(function* (tool: string, request: RoutedRequest) {
    const { principal } = yield* Caller
    const at = yield* Clock.currentTimeMillis
    const decision = Policy.decide(config.policy, { tool, request, principal, at })
    if (decision.effect === "deny") return yield* new PolicyDenied({ reason: decision.reason, rule: decision.rule })
    return { decision, principal }
  })

  const refused = (tool: string, error: DispatchError) =>
    error._tag === "NeedsAnswers"
      ? Effect.void
      : audit.append({
          event: tool,
          outcome: "refused",
          code: error.code,
          ...(error._tag === "PolicyDenied" || error._tag === "QuotaReached" ? { rule: error.rule } : {})
        })

  return Effect.fn("dispatch.accept")(
    function* (tool: string, routed: Either.Either<RoutedRequest, RoutingError>, options: Accept) {
      const request = yield* routed
      const { decision, principal } = yield* decided(tool, request)
      const adapter = yield* adapters.find(request.adapter)
      const id = yield* ids.taskId
      const cloudAgent = adapter.describe({ id, request })
      const { aliasOf, idempotencyKey } = options
      const { task, existed } = yield* store
        .create({
          id,
          request,
          principal,
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
          Effect.catchTag(
            "IdempotencyConflict",
            ({ key, taskId }) => new IdempotencyConflict({ key: idempotencyKey ?? key, taskId })
          )
        )
      yield* audit.append({
        event: tool,
        taskId: task.id,
        outcome: existed ? "repeated" : "accepted",
        rule: decision.rule,
        detail: routeOf(request)
      })
      yield* scheduler.wake(task.id)
      return task
    },
    (accepting, tool) => Effect.tapError(accepting, (error) => refused(tool, error))
  )
})

/** Two principals may choose the same key, and neither may learn of the other's task by it. */
const keyOf = (principal: string, key: string): string =>
  principal.startsWith("user:") ? key : canonical([principal, key])

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

const routeOf = (request: RoutedRequest): JsonObject => ({
  provider: request.provider,
  accountProfile: request.accountProfile,
  backend: request.backend,
  taskType: request.taskType,
  targetMode: request.target.mode,
  ...(request.runtime === undefined ? {} : { runtime: request.runtime })
})
