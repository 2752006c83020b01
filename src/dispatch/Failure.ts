import { Cause, Effect } from "effect"
import type { Task, TaskError } from "../domain/Task.js"
import type { AdapterFailure } from "../services/Adapter.js"

/** A defect in an adapter is that task's failure and nobody else's. */
export const guard = <A>(
  operation: string,
  call: () => Effect.Effect<A, AdapterFailure>
): Effect.Effect<A, AdapterFailure> =>
  Effect.catchAllDefect(Effect.suspend(call), (defect) =>
    Effect.zipRight(
      Effect.logError(`adapter ${operation} died`, Cause.die(defect)),
      Effect.fail<AdapterFailure>({
        code: "adapter.defect",
        message: `The adapter broke down during ${operation}; the server's log has the cause.`,
        retryable: false,
        delivery: "unknown"
      })
    )
  )

export const errorOf = (failure: AdapterFailure): TaskError => ({
  code: failure.code,
  message: failure.message,
  retryable: failure.retryable,
  ...(failure.details === undefined ? {} : { details: failure.details })
})

export const retryNote = (failure: AdapterFailure, attempt: number) =>
  ({
    type: "task.progress",
    message: `Attempt ${attempt} did not reach the backend (${failure.message}); trying again.`
  }) as const

export const indeterminate = (task: Task, failure: AdapterFailure | undefined): TaskError => ({
  code: "start.indeterminate",
  message:
    "Nobody knows whether the work began: the dispatcher lost its connection or was stopped in the middle of the start. It was not started again. Look at the backend, then dispatch anew if it did not run.",
  retryable: false,
  details: { attempt: task.attempt, ...(failure === undefined ? {} : { cause: failure.code }) }
})
