import { Effect, Either } from "effect"
import {
  CredentialRefused,
  type DispatchError,
  IdempotencyConflict,
  QuotaReached,
  StoreFailed
} from "../domain/DispatchError.js"
import { canonical, defined, type JsonObject } from "../domain/Json.js"
import { detailOf } from "../domain/PastDispatch.js"
import type { Lineage, RoutedRequest, Task, TaskId } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { Audit, type AuditRecord } from "../services/Audit.js"
import { isLocal } from "../services/Caller.js"
import { Host } from "../services/Host.js"
import { Ids } from "../services/Ids.js"
import { Redactor } from "../services/Redactor.js"
import { Scheduler } from "../services/Scheduler.js"
import { type NewTask, Store } from "../services/Store.js"
import { makeRuling } from "./Ruling.js"
import { expiredFor } from "./Visible.js"

export interface Accept {
  /** The same key with the same call is the same task. */
  readonly idempotencyKey?: string | undefined
  /** Another name for the task, made from its id. */
  readonly aliasOf?: ((taskId: string) => Effect.Effect<string>) | undefined
  /** The id it gets; without it a new one. */
  readonly id?: TaskId | undefined
  readonly lineage?: Lineage | undefined
  /** What else the audit keeps about the accepted task. */
  readonly audited?: ((task: Task) => Pick<AuditRecord, "detail" | "sensitive">) | undefined
}

/** One piece of work and how it is taken in. */
export interface Call {
  readonly routed: Either.Either<RoutedRequest, DispatchError>
  readonly options: Accept
}

/** How every tool that dispatches takes work in: decided by the policy, on disk, in the audit, before anything runs. */
export const makeAccept = Effect.gen(function* () {
  const store = yield* Store
  const adapters = yield* Adapters
  const audit = yield* Audit
  const scheduler = yield* Scheduler
  const ids = yield* Ids
  const here = yield* Host
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

  /** One call as the store takes it; the policy has decided. */
  const prepared = Effect.fnUntraced(function* (tool: string, request: RoutedRequest, options: Accept) {
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
    const id = options.id ?? (yield* ids.taskId)
    const cloudAgent = adapter.describe({ id, request })
    const { aliasOf, idempotencyKey, lineage } = options
    const creation: NewTask = {
      id,
      request,
      principal,
      quotas,
      lineage,
      host: adapter.spec.placement === "host" ? here.name : undefined,
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
    }
    return { creation, rule }
  })

  const record = Effect.fnUntraced(function* (
    tool: string,
    { existed, task }: { readonly existed: boolean; readonly task: Task },
    rule: string,
    options: Accept
  ) {
    const more = options.audited?.(task)
    yield* audit.append({
      event: tool,
      taskId: task.id,
      ...(task.alias === undefined ? {} : { handle: task.alias }),
      outcome: existed ? "repeated" : "accepted",
      rule,
      detail: { ...detailOf(task.request), ...more?.detail },
      sensitive: { ...previewOf(task.request), ...more?.sensitive }
    })
    yield* scheduler.wake(task.id)
  })

  /** All of the calls or none. */
  const all = Effect.fn("dispatch.accept")(function* (tool: string, calls: ReadonlyArray<Call>) {
    const ready = yield* Effect.forEach(calls, ({ options, routed }) =>
      routed.pipe(
        Effect.flatMap((request) => prepared(tool, request, options)),
        Effect.tapError((error) => refused(tool, error, routed))
      )
    )
    const rules = new Map(
      ready.flatMap(({ creation, rule }) => (creation.quotas ?? []).map((quota) => [quota.rule, rule]))
    )
    const key = calls[0]?.options.idempotencyKey
    const made = yield* store.createAll(ready.map(({ creation }) => creation)).pipe(
      Effect.catchTags({
        IdempotencyConflict: (error) =>
          new IdempotencyConflict({
            key: key ?? error.key,
            taskId: error.taskId,
            expired: expiredFor(ready[0]?.creation.principal ?? "", error.expired)
          }),
        QuotaReached: ({ allowed, limit, retryAt, rule }) =>
          new QuotaReached({ rule: rules.get(rule) ?? rule, limit, allowed, retryAt }),
        // All or none: where one of them is, all are.
        StoreFailed: ({ cause, detail, fault }) =>
          new StoreFailed({
            fault,
            detail,
            cause,
            perhaps: fault === "unreachable" && key === undefined ? ready[0]?.creation.id : undefined
          })
      }),
      Effect.tapError((error) => Effect.forEach(calls, ({ routed }) => refused(tool, error, routed)))
    )
    yield* Effect.forEach(made, (one, index) =>
      record(tool, one, ready[index]?.rule ?? "", calls[index]?.options ?? {})
    )
    return made.map(({ task }) => task)
  })

  return {
    all,
    one: (tool: string, routed: Call["routed"], options: Accept) =>
      Effect.flatMap(all(tool, [{ routed, options }]), ([task]) =>
        task === undefined ? Effect.dieMessage("one call makes one task") : Effect.succeed(task)
      )
  }
})

/** Two principals may choose the same key, and neither may learn of the other's task by it. */
const keyOf = (principal: string, key: string): string => (isLocal(principal) ? key : canonical([principal, key]))

/** What makes two calls the same call, whatever the config has become between them. */
const meaningOf = (
  tool: string,
  { accountProfile, backend, input, metadata, runtime, target, taskType, terms }: RoutedRequest
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
    metadata ?? null,
    ...(terms === undefined ? [] : [defined({ ...terms, budget: terms.budget && defined({ ...terms.budget }) })])
  ])

const preview = 120

/** Enough of an instruction to know it again. */
const previewOf = ({ input: { instruction } }: RoutedRequest): JsonObject =>
  typeof instruction === "string" ? { instruction: instruction.slice(0, preview) } : {}
