import type { Effect } from "effect"
import type { Json } from "../domain/Json.js"
import type { NewArtifact } from "../domain/Task.js"
import type { WorkerEvent, WorkerTask } from "../domain/WorkerEvent.js"
import type { Inbox } from "./Inbox.js"
import type { Questions } from "./Questions.js"
import type { OutputClosed, WorkerError } from "./WorkerError.js"

/** One piece of work, and the place it is done at. */
export interface Job {
  /** The task as it came, for programs that read it themselves. */
  readonly task: WorkerTask
  readonly instruction: string | undefined
  readonly context: Json | undefined
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** How long a program may take to end by itself before it is killed, in seconds. */
  readonly graceSeconds: number
  readonly inbox: Inbox
  /** Absent where nobody can answer what the work asks. */
  readonly questions?: Questions | undefined
  /** Tells whoever started the worker; resolves once the line has left this process. */
  readonly emit: (event: WorkerEvent) => Effect.Effect<void, OutputClosed>
}

export interface Answer {
  readonly output: Json
  readonly artifacts: ReadonlyArray<NewArtifact>
}

/** A way of doing the work, chosen by name. */
export type Framework = (job: Job) => Effect.Effect<Answer, WorkerError>
