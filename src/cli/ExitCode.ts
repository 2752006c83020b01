import type { TaskStatus } from "../domain/Lifecycle.js"

/** What a shell learns of a command. */
export const ExitCode = {
  ok: 0,
  /** The task or the check failed, or the call was refused. */
  failed: 1,
  /** The command line or the config cannot be used. */
  usage: 2,
  /** Something has to be answered first. */
  questions: 3,
  notFound: 4,
  /** The task is not over yet. */
  notOver: 124,
  /** The task was cancelled, or the command was interrupted. */
  cancelled: 130
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** What a task's end means to whoever waited for it. */
export const ofStatus = (status: TaskStatus): ExitCode => {
  switch (status) {
    case "succeeded":
      return ExitCode.ok
    case "failed":
      return ExitCode.failed
    case "cancelled":
      return ExitCode.cancelled
    default:
      return ExitCode.notOver
  }
}
