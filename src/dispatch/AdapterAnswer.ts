import { Cause, Duration, Effect } from "effect"
import type { Resource, Task, TaskError } from "../domain/Task.js"
import type { AdapterFailure, Adapters, Progress } from "../services/Adapter.js"
import type { Change } from "../services/Store.js"

/**
 * How long an adapter may take for one call, in seconds. An opaque agent may hold its answer for as long as its
 * platform lets a request live, an hour at most today; everything else is short.
 */
const limits = {
  load: 60,
  prepare: 120,
  provision: 2_400,
  start: 4_000,
  probe: 120,
  observe: 4_000,
  finish: 60,
  cancel: 120,
  cleanup: 2_400,
  send: 120,
  answer: 120,
  readArtifact: 120,
  remnants: 120,
  reap: 120
} as const

/** The code of a task whose adapter broke down. */
export const adapterDefect = "adapter.defect"

/** One call of an adapter. Its defects and its silence are that task's failure and nobody else's. */
export const guard = <A>(
  operation: keyof typeof limits,
  call: () => Effect.Effect<A, AdapterFailure>
): Effect.Effect<A, AdapterFailure> =>
  Effect.suspend(call).pipe(
    Effect.disconnect,
    Effect.timeoutFail({
      duration: Duration.seconds(limits[operation]),
      onTimeout: (): AdapterFailure => ({
        code: "adapter.timeout",
        message: `The adapter did not answer within ${limits[operation]} s during ${operation}.`,
        retryable: true,
        delivery: "unknown"
      })
    }),
    Effect.catchAllDefect((defect) =>
      Effect.zipRight(
        Effect.logError(`adapter ${operation} died`, Cause.die(defect)),
        Effect.fail<AdapterFailure>({
          code: adapterDefect,
          message: `The adapter broke down during ${operation}; the server's log has the cause.`,
          retryable: false,
          delivery: "unknown"
        })
      )
    )
  )

/** The adapter of a task; its code may be loaded now. */
export const load = (adapters: typeof Adapters.Service, { request }: Task) =>
  guard("load", () =>
    Effect.mapError(adapters.find(request.adapter), ({ code, message }): AdapterFailure => ({
      code,
      message,
      retryable: false,
      delivery: "none"
    }))
  )

export const progress = (made: Progress): Change => ({
  ...(made.providerRefs === undefined ? {} : { providerRefs: made.providerRefs }),
  ...(made.cloudAgent === undefined ? {} : { cloudAgent: made.cloudAgent }),
  ...(made.resources === undefined ? {} : { resources: made.resources }),
  ...(made.entries === undefined ? {} : { entries: made.entries })
})

export const retryNote = (failure: AdapterFailure, attempt: number) =>
  ({
    type: "task.progress",
    message: `Attempt ${attempt} did not reach the backend (${failure.message}); trying again.`
  }) as const

export const pauseNote = (failure: AdapterFailure) =>
  ({
    type: "task.progress",
    message: `The backend wants to be left alone for a while (${failure.message}); trying again then.`
  }) as const

export const indeterminate = (task: Task, failure: AdapterFailure | undefined): TaskError => ({
  code: "start.indeterminate",
  message:
    "Nobody knows whether the work began: the dispatcher lost its connection or was stopped in the middle of the start. It was not started again. Look at the backend, then dispatch anew if it did not run.",
  retryable: false,
  details: { attempt: task.attempt, ...(failure === undefined ? {} : { cause: failure.code }) }
})

/** `failure` is what the adapter said; without it, it kept answering that it is still stopping. */
export const unstoppable = (failure: AdapterFailure | undefined): TaskError => ({
  code: "adapter.cancel_failed",
  message: `The work could not be confirmed stopped: ${failure?.message ?? "it was told to stop and still runs."}`,
  ...(failure === undefined ? {} : { details: { cause: failure.code } })
})

/** When the first resource that is kept on purpose may go, in milliseconds since 1970; 0 if one should have gone already. */
export const keptUntil = (resources: ReadonlyArray<Resource>): number => {
  const left = resources.filter(({ state }) => state !== "gone").map(({ ref }) => ref["keepUntil"])
  return left.reduce<number>(
    (first, until, index) => (typeof until !== "number" ? 0 : index === 0 ? until : Math.min(first, until)),
    0
  )
}
