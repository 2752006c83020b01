import { afterAll, assert, describe, it } from "@effect/vitest"
import { all, patient, premade, quick, signed, status, unsettled } from "./support/AgentCoreScene.js"
import { during, hang, type Killing, survived } from "./support/AgentCoreVerdict.js"
import { emulator } from "./support/AgentCoreWork.js"

const call = (method: string, when: "before" | "sent" | "after") => hang("InvokeAgentRuntime", when, method)

const lives = { work: quick("made"), ends: ["succeeded"] }
const provisioning = { ...lives, left: status("provisioning") }
const starting = { ...lives, left: status("starting") }
const uncleaned = { ...lives, left: unsettled }

const steps: ReadonlyArray<Killing> = [
  during("CreateAgentRuntime has arrived", hang("CreateAgentRuntime", "before"), provisioning),
  during("the runtime is made and nobody was told", hang("CreateAgentRuntime", "after"), provisioning),
  during("the runtime is looked at", hang("GetAgentRuntime", "before"), provisioning),
  during("the runtime is READY", hang("CreateAgentRuntimeEndpoint", "before"), provisioning),
  during("the endpoint is made and nobody was told", hang("CreateAgentRuntimeEndpoint", "after"), provisioning),
  during("the endpoint is looked at", hang("GetAgentRuntimeEndpoint", "before"), provisioning),
  during("the first invocation has arrived and is not delivered", call("hello", "before"), {
    ...starting,
    ends: ["start.indeterminate"]
  }),
  during("the first invocation is answered and nobody was told", call("hello", "after"), starting),
  during("the start is answered and nobody was told", call("start", "after"), starting),
  {
    name: "the work has begun",
    ...lives,
    work: patient("made"),
    seen: all(signed("begin"), status("running")),
    left: status("running")
  },
  during("the worker was told that the result is stored", call("ack", "after"), {
    ...lives,
    left: status("completing")
  }),
  during("the stop has arrived", hang("StopRuntimeSession", "before"), uncleaned),
  during("the session is stopped and nobody was told", hang("StopRuntimeSession", "after"), uncleaned),
  during("DeleteAgentRuntimeEndpoint has arrived", hang("DeleteAgentRuntimeEndpoint", "before"), uncleaned),
  during("the endpoint is deleted and nobody was told", hang("DeleteAgentRuntimeEndpoint", "after"), uncleaned),
  during("DeleteAgentRuntime has arrived", hang("DeleteAgentRuntime", "before"), uncleaned),
  during("the runtime is deleted and nobody was told", hang("DeleteAgentRuntime", "after"), uncleaned)
]

afterAll(() => {
  assert.deepStrictEqual(emulator.ledgers.live(), [])
  assert.sameMembers(
    emulator.control.runtimes().map(({ arn }) => arn),
    [...premade]
  )
})

describe.concurrent("a dispatcher that is killed while it makes, uses and removes a runtime", () => {
  for (const step of steps) {
    it.scopedLive(`when ${step.name}: nothing is lost, run twice or left`, () => survived(step), 150_000)
  }
})
