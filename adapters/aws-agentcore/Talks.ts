import { Deferred, Effect } from "effect"
import { globalValue } from "effect/GlobalValue"
import type { JsonObject } from "../../src/domain/Json.js"
import type { NewArtifact, Outcome } from "../../src/domain/Task.js"
import type { AdapterFailure } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"

/**
 * One answer that is still being read. It lives in this process alone, because a service that answers a request once
 * cannot be asked again: after a crash it is gone, and the task ends as indeterminate.
 */
export interface Talk {
  /** What it said from entry `from` on. */
  readonly said: Array<Entry>
  from: number
  readonly artifacts: Array<NewArtifact>
  outcome?: Outcome
  /** What the answer told about the far side's own work. */
  refs?: JsonObject
}

const talks = globalValue("agentdispatch/aws-agentcore/talks", () => new Map<string, Talk>())

export const talkOf = (startToken: string | undefined): Talk | undefined =>
  startToken === undefined ? undefined : talks.get(startToken)

export const forget = (startToken: string | undefined): void => {
  if (startToken !== undefined) talks.delete(startToken)
}

/** What was said since a position, and the next position; what lies before it is not needed again. */
export const since = (
  talk: Talk,
  position: number
): { readonly entries: ReadonlyArray<Entry>; readonly next: number } => {
  const known = Math.max(position, talk.from)
  talk.said.splice(0, known - talk.from)
  talk.from = known
  return { entries: [...talk.said], next: known + talk.said.length }
}

/**
 * Begins a talk, once per token, and lets it go on by itself. Resolves when the far side has answered so much that it
 * surely has the request, or has been silent for so long that only work can be the reason.
 */
export const begin = (
  startToken: string,
  hold: (talk: Talk, taken: Effect.Effect<void>) => Effect.Effect<void, AdapterFailure>,
  late: (failure: AdapterFailure) => Outcome
): Effect.Effect<Talk, AdapterFailure> =>
  Effect.gen(function* () {
    const known = talks.get(startToken)
    if (known !== undefined) return known
    const talk: Talk = { said: [], from: 0, artifacts: [] }
    talks.set(startToken, talk)
    const taken = yield* Deferred.make<void, AdapterFailure>()
    const accept = Effect.asVoid(Deferred.succeed(taken, undefined))
    yield* hold(talk, accept).pipe(
      Effect.matchEffect({
        onSuccess: () => accept,
        onFailure: (failure) =>
          Effect.gen(function* () {
            if (yield* Deferred.fail(taken, failure)) return talks.delete(startToken)
            talk.outcome ??= late(failure)
            return true
          })
      }),
      Effect.forkDaemon
    )
    yield* Effect.raceFirst(Deferred.await(taken), Effect.delay(accept, silence))
    return talk
  })

/** A container that is not ready by then is refused by the service, so longer silence means that it works. */
const silence = "45 seconds"
