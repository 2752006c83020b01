import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { ask } from "../../adapters/aws-agentcore/Dialogue.js"
import type { Session } from "../../adapters/aws-agentcore/Plan.js"
import { type Bench, Broken, broken } from "./Bench.js"

/** The worker's own echo that takes so many of the service's seconds. */
export const payloadOf = ({ account }: Bench, seconds: number) => ({
  taskType: "agent.run" as const,
  input: { framework: "echo" },
  prompt: "verify",
  context: { delayMs: Math.round((seconds * 1000) / account.speed) }
})

/** The same as a task of `dispatch/1`. */
export const echoOf = (bench: Bench, session: Session, seconds: number) => {
  const taskId = `verify-${randomUUID()}`
  const stateOf = (dispatch: Parameters<typeof ask>[2]) =>
    Effect.flatMap(broken(ask(bench.clients.poll, session, dispatch, "60 seconds")), (reply) =>
      "state" in reply
        ? Effect.succeed(reply)
        : new Broken({ detail: "refused" in reply ? reply.refused.message : "the worker answered something else" })
    )
  return {
    start: stateOf({
      v: 1,
      op: "start",
      taskId,
      startToken: taskId,
      attempt: 1,
      payload: payloadOf(bench, seconds),
      deadlineSeconds: seconds + 600,
      lingerSeconds: 60
    }),
    poll: stateOf({ v: 1, op: "poll", taskId, cursor: 0, waitMs: 0, maxEvents: 1, maxBytes: 1_000 })
  }
}
