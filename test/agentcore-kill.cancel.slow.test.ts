import { describe, it } from "@effect/vitest"
import {
  all,
  type Backend,
  cancelledUnsettled,
  held,
  patient,
  patientCommand,
  prompt,
  signed,
  status,
  type Work
} from "./support/AgentCoreScene.js"
import { during, hang, type Killing, survived } from "./support/AgentCoreVerdict.js"

const call = (method: string, when: "before" | "sent" | "after") => hang("InvokeAgentRuntime", when, method)
const stopped = { ends: ["cancelled"], left: status("cancelling") }
const working = { cancelled: all(signed("begin"), status("running")), ...stopped }

/** Every way in which a cancel's stop can be met. */
const stops = (what: string, work: Work, rest: Pick<Killing, "ends"> & Partial<Killing>): ReadonlyArray<Killing> => [
  during(`${what}: the stop has arrived`, hang("StopRuntimeSession", "before"), { work, ...rest }),
  during(`${what}: the session is stopped and nobody was told`, hang("StopRuntimeSession", "after"), { work, ...rest })
]

/** The agent itself is asked first. */
const asks = (what: string, backend: Backend, method: string): ReadonlyArray<Killing> => [
  during(`${what}: it is asked to stop`, call(method, "before"), { work: patient(backend), ...working }),
  during(`${what}: it has agreed and nobody was told`, call(method, "after"), { work: patient(backend), ...working })
]

/** Cancelled while a call is held, killed as soon as the wish is on disk. */
const wished = (name: string, work: Work, fault: ReturnType<typeof hang>): Killing =>
  during(name, fault, { work, cancelled: held(fault), ...stopped, seen: status("cancelling") })

const streaming = prompt({ type: "text/event-stream", raw: ["data: one\n\n"], hold: true })

const steps: ReadonlyArray<Killing> = [
  ...asks("our worker", "worker", "cancel"),
  ...stops("our worker", patient("worker"), working),
  wished("our worker: its start is not answered", patient("worker"), call("start", "after")),
  ...asks("an agent of A2A 0.3", "a2a03", "tasks/cancel"),
  ...asks("an agent of A2A 1.0", "a2a1", "CancelTask"),
  ...stops("an agent of A2A 1.0", patient("a2a1"), working),
  wished("an agent of A2A 1.0: its message is not answered", patient("a2a1"), call("SendMessage", "after")),
  ...stops("an app", streaming, { ...stopped, cancelled: status("running") }),
  wished("an app: its prompt is in the container", prompt({ wait: 60_000 }), hang("InvokeAgentRuntime", "sent")),
  ...stops("a command", patientCommand, working),
  wished("a runtime that is being made", patient("made"), hang("CreateAgentRuntime", "after")),
  wished("a runtime whose endpoint is being made", patient("made"), hang("CreateAgentRuntimeEndpoint", "after")),
  ...stops("a runtime", patient("made"), working),
  during("a runtime: DeleteAgentRuntime has arrived", hang("DeleteAgentRuntime", "before"), {
    work: patient("made"),
    ...working,
    left: cancelledUnsettled
  })
]

describe.concurrent("a dispatcher that is killed while it cancels", () => {
  for (const step of steps) {
    it.scopedLive(`${step.name}: the cancel is carried out and nothing is left`, () => survived(step), 150_000)
  }
})
