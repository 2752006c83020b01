import { Effect } from "effect"
import type { Resource, Task } from "../../src/domain/Task.js"
import type { Progress } from "../../src/services/Adapter.js"
import { brief, type Job, jobOf, run } from "./Run.js"
import { CommandFailed, CommandNotFound, TimedOut, Unreachable } from "./Spec.generated.js"

/** What ssh itself ends with when it could not reach the host, or lost it. */
const sshFailed = 255

/** Owed to the audit until it has been told how the work ended. */
const ending: Resource = { key: "ending", kind: "audit-record", ref: {}, state: "intended" }

export const prepare = (task: Task) => Effect.map(jobOf(task), (): Progress => ({ resources: [ending] }))

/** Hands the work over, once: the command's own end is the answer. */
export const start = Effect.fn("lane.start")(function* (task: Task) {
  const job = yield* jobOf(task)
  const { exitCode, stderr, stdout } = yield* Effect.catchTags(run(job, job.work.command), {
    CommandNotFound: ({ executable, message }) =>
      new CommandNotFound({ executable, returncode: null, detail: message }),
    CommandTimedOut: ({ message, seconds }) =>
      new TimedOut({ github: job.work.github, seconds, returncode: null, detail: message }),
    CommandFailed: ({ message }) => failed(job, null, message)
  })
  if (exitCode !== 0) return yield* failed(job, exitCode, brief(stderr, stdout) || "it said nothing")
  const said = [stdout, stderr].filter((text) => text.trim() !== "").map(ended)
  const progress: Progress = {
    providerRefs: { returncode: exitCode, detail: brief(stdout) },
    entries: [...said.map((log) => ({ log })), { type: "task.progress", message: "The work was handed to the lane." }]
  }
  return progress
})

const failed = ({ work: { github, ssh } }: Job, returncode: number | null, detail: string) =>
  ssh !== undefined && returncode === sshFailed
    ? new Unreachable({ returncode, detail })
    : new CommandFailed({ github, returncode, detail })

const ended = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`)
