import { describe, it } from "@effect/vitest"
import { all, type Backend, patient, quick, signed, status, unsettled } from "./support/AgentCoreScene.js"
import { during, hang, type Killing, survived } from "./support/AgentCoreVerdict.js"

const stop = "StopRuntimeSession"

const starting = { left: status("starting") }
const running = { left: status("running") }
const uncleaned = { left: unsettled }

/** `found` is how a message ends whose answer was lost after the agent had it. */
const stepsOf = (
  backend: Backend,
  methods: { readonly send: string; readonly get: string },
  found: string
): ReadonlyArray<Killing> => {
  const call = (method: string, when: "before" | "sent" | "after") => hang("InvokeAgentRuntime", when, method)
  const { get, send } = methods
  const lives = { work: quick(backend), ends: ["succeeded"] }
  const sent = { work: quick(backend), ends: [found] }
  return [
    during("the message has arrived and is not delivered", call(send, "before"), {
      ...lives,
      ends: ["start.indeterminate"],
      ...starting
    }),
    during("the message is in the container", call(send, "sent"), { ...sent, ...starting }),
    during("the message is answered and nobody was told", call(send, "after"), { ...sent, ...starting }),
    {
      name: "the work has begun",
      ...lives,
      work: patient(backend),
      seen: all(signed("begin"), status("running")),
      ...running
    },
    during(
      "the work has ended and nobody was told",
      { ...call(get, "after"), times: 0 },
      { ...lives, seen: all(signed("end"), status("running")), ...running }
    ),
    during("the stop has arrived", hang(stop, "before"), { ...lives, ...uncleaned }),
    during("the session is stopped and nobody was told", hang(stop, "after"), { ...lives, ...uncleaned })
  ]
}

const dialects: ReadonlyArray<readonly [string, ReadonlyArray<Killing>]> = [
  // Nothing in 0.3 finds a task whose id was not noted.
  ["0.3", stepsOf("a2a03", { send: "message/send", get: "tasks/get" }, "start.indeterminate")],
  ["1.0", stepsOf("a2a1", { send: "SendMessage", get: "GetTask" }, "succeeded")]
]

for (const [version, steps] of dialects) {
  describe.concurrent(`a dispatcher that is killed while an agent of A2A ${version} works for it`, () => {
    for (const step of steps) {
      it.scopedLive(`when ${step.name}: nothing is lost, run twice or left`, () => survived(step), 150_000)
    }
  })
}
