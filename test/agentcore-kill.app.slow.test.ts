import { describe, it } from "@effect/vitest"
import { all, command, patientCommand, prompt, signed, status, unsettled } from "./support/AgentCoreScene.js"
import { during, hang, type Killing, survived } from "./support/AgentCoreVerdict.js"

const stop = "StopRuntimeSession"
const invoke = "InvokeAgentRuntime"
const run = "InvokeAgentRuntimeCommand"

const starting = { left: status("starting") }
const running = { left: status("running") }
const uncleaned = { left: unsettled }

/** Such an app answers once and cannot be asked again, so what its answer would have been stays unknown. */
const unclear = { work: prompt(), ends: ["start.indeterminate"] }
const answered = { work: prompt(), ends: ["succeeded"] }

const prompts: ReadonlyArray<Killing> = [
  during("the prompt has arrived and is not delivered", hang(invoke, "before"), { ...unclear, ...starting }),
  during("the session is being made", { op: invoke, kind: "slow-start", ms: 9_000 }, { ...unclear, ...starting }),
  during("the prompt is on its way", { op: invoke, kind: "delay", ms: 2_000 }, { ...unclear, ...starting }),
  during("the prompt is in the container", hang(invoke, "sent"), { ...unclear, ...starting }),
  during("the prompt is answered and nobody was told", hang(invoke, "after"), { ...unclear, ...starting }),
  {
    name: "half the answer has come",
    ...unclear,
    work: prompt({ type: "text/event-stream", raw: ["data: one\n\n"], hold: true }),
    seen: status("running"),
    ...running
  },
  during("the stop has arrived", hang(stop, "before"), { ...answered, ...uncleaned }),
  during("the session is stopped and nobody was told", hang(stop, "after"), { ...answered, ...uncleaned })
]

const lost = { work: command, ends: ["start.indeterminate"] }
const ran = { work: command, ends: ["succeeded"] }

const commands: ReadonlyArray<Killing> = [
  during("the command has arrived and is not run", hang(run, "before"), { ...lost, ...starting }),
  during("the session is being made", { op: run, kind: "slow-start", ms: 9_000 }, { ...lost, ...starting }),
  {
    name: "the command runs",
    ...lost,
    work: patientCommand,
    seen: all(signed("begin"), status("running")),
    ...running
  },
  during("the command has ended and nobody was told", hang(run, "after"), {
    ...lost,
    seen: all(signed("end"), status("running")),
    ...running
  }),
  during("the stop has arrived", hang(stop, "before"), { ...ran, ...uncleaned }),
  during("the session is stopped and nobody was told", hang(stop, "after"), { ...ran, ...uncleaned })
]

describe.concurrent("a dispatcher that is killed while an app answers its prompt", () => {
  for (const step of prompts) {
    it.scopedLive(
      `when ${step.name}: nothing is run twice or left, and the end is named`,
      () => survived(step),
      150_000
    )
  }
})

describe.concurrent("a dispatcher that is killed while a session runs its command", () => {
  for (const step of commands) {
    it.scopedLive(
      `when ${step.name}: nothing is run twice or left, and the end is named`,
      () => survived(step),
      150_000
    )
  }
})
