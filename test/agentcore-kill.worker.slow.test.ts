import { describe, it } from "@effect/vitest"
import { all, bulky, patient, quick, signed, status, unsettled } from "./support/AgentCoreScene.js"
import { during, hang, type Killing, survived } from "./support/AgentCoreVerdict.js"

const call = (method: string, when: "before" | "sent" | "after") => hang("InvokeAgentRuntime", when, method)
const stop = "StopRuntimeSession"

const lives = { work: quick("worker"), ends: ["succeeded"] }
const unclear = { work: quick("worker"), ends: ["start.indeterminate"] }
const starting = { left: status("starting") }
const running = { left: status("running") }
const completing = { left: status("completing") }
const uncleaned = { left: unsettled }

const steps: ReadonlyArray<Killing> = [
  {
    name: "a task is queued behind a full backend",
    ...lives,
    work: patient("narrow"),
    together: 2,
    seen: all(signed("begin"), status("running"), status("queued")),
    left: all(status("running"), status("queued"))
  },
  during("the session is asked for and not made", call("hello", "before"), { ...unclear, ...starting }),
  during(
    "the session is being made",
    { ...call("hello", "before"), kind: "slow-start", ms: 9_000 },
    { ...unclear, ...starting }
  ),
  during("the session is made and nobody was told", call("hello", "after"), { ...lives, ...starting }),
  during("the start has arrived and is not delivered", call("start", "before"), { ...lives, ...starting }),
  during(
    "the start is on its way",
    { ...call("start", "before"), kind: "delay", ms: 2_000 },
    { ...lives, ...starting }
  ),
  during("the start is in the container", call("start", "sent"), { ...lives, ...starting }),
  during("the start is answered and nobody was told", call("start", "after"), { ...lives, ...starting }),
  {
    name: "the work has begun",
    ...lives,
    work: patient("worker"),
    seen: all(signed("begin"), status("running")),
    ...running
  },
  during(
    "the work has ended and nobody was told",
    { ...call("poll", "after"), times: 0 },
    { ...lives, seen: all(signed("end"), status("running")), ...running }
  ),
  during("a large result is asked for", call("result", "before"), { ...lives, work: bulky("worker"), ...running }),
  during("a large result is on its way", call("result", "after"), { ...lives, work: bulky("worker"), ...running }),
  during("the worker is to be told that the result is stored", call("ack", "before"), { ...lives, ...completing }),
  during("the worker was told that the result is stored", call("ack", "after"), { ...lives, ...completing }),
  during("the stop has arrived", hang(stop, "before"), { ...lives, ...uncleaned }),
  during("the session is stopped and nobody was told", hang(stop, "after"), { ...lives, ...uncleaned })
]

describe.concurrent("a dispatcher that is killed while our worker works for it", () => {
  for (const step of steps) {
    it.scopedLive(`when ${step.name}: nothing is lost, run twice or left`, () => survived(step), 150_000)
  }
})
