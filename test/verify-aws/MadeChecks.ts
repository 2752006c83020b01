import { Effect, Schema } from "effect"
import { cleanup } from "../../adapters/aws-agentcore/Cleanup.js"
import { ask } from "../../adapters/aws-agentcore/Dialogue.js"
import { exchange } from "../../adapters/aws-agentcore/Invoke.js"
import { RpcReply } from "../../adapters/aws-agentcore/Wire.js"
import { patiently } from "../../adapters/aws-agentcore/WorkerStart.js"
import { type Bench, Broken, broken, type Made } from "./Bench.js"
import { missing, stop, stopped } from "./Calls.js"
import type { Check } from "./Check.js"
import { shortIdle } from "./Requests.js"
import { echoOf } from "./Work.js"

const decodeReply = Schema.decode(Schema.parseJson(RpcReply))

/** Which version our worker was told of: it refuses one that it does not speak, and knows no task of this name. */
const refusalOf = (bench: Bench, { session }: Made) =>
  Effect.gen(function* () {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "GetTask", params: { id: "none" } })
    yield* bench.used(session)
    const message = { body, headers: { "A2A-Version": "9.9" } }
    const text = yield* broken(patiently(exchange(bench.clients.poll, session, message, "150 seconds")))
    const { error } = yield* Effect.mapError(
      decodeReply(text),
      () => new Broken({ detail: `no JSON-RPC answer: ${text.slice(0, 120)}` })
    )
    return String(error?.code ?? "no error")
  })

const headerForwarding: Check = {
  name: "header-forwarding",
  shows: "that A2A-Version reaches the container where the runtime allows it, and not elsewhere",
  calls:
    "CreateAgentRuntime, CreateAgentRuntimeEndpoint, InvokeAgentRuntime (GetTask) and their deletion, 2 times each",
  sessionSeconds: 30,
  takes: "3 to 10 min",
  needs: "image",
  run: (bench) =>
    Effect.gen(function* () {
      const a2a = { protocol: "a2a", worker: "a2a" }
      const allowing = yield* bench.made({ ...a2a, a2aVersion: "1.0" })
      bench.same("version 9.9 where A2A-Version is allowed", "-32009", yield* refusalOf(bench, allowing))
      const deaf = yield* bench.made({ ...a2a, a2aVersion: "0.3" })
      bench.same("version 9.9 where it is not", "-32001", yield* refusalOf(bench, deaf))
    })
}

const idle: Check = {
  name: "idle",
  shows: "that a session with nothing to do ends at its idle timeout",
  calls: "CreateAgentRuntime, CreateAgentRuntimeEndpoint, InvokeAgentRuntime (hello) 2 times, and their deletion",
  sessionSeconds: 240,
  takes: "5 to 10 min",
  needs: "image",
  run: (bench) =>
    Effect.gen(function* () {
      const { session } = yield* bench.made({})
      const first = yield* bench.boot(session)
      yield* bench.pass(3 * shortIdle)
      const next = yield* bench.boot(session)
      bench.judged(
        `the machine ${3 * shortIdle} s later, with an idle timeout of ${shortIdle} s`,
        `another than ${first}`,
        next,
        next !== first
      )
    })
}

const busyPing: Check = {
  name: "busy-ping",
  shows: "that a worker which says HealthyBusy, with the time of its last change, outlives the idle timeout unasked",
  calls: "CreateAgentRuntime, CreateAgentRuntimeEndpoint, InvokeAgentRuntime (hello, start, poll), and their deletion",
  sessionSeconds: 240,
  takes: "6 to 10 min",
  needs: "image",
  run: (bench) =>
    Effect.gen(function* () {
      const { session } = yield* bench.made({})
      const first = yield* bench.boot(session)
      const work = echoOf(bench, session, 10 * shortIdle)
      yield* work.start
      yield* bench.pass(3 * shortIdle)
      const { boot, state } = yield* work.poll
      bench.same(`the machine ${3 * shortIdle} s later, with an idle timeout of ${shortIdle} s`, first, boot)
      bench.same("its work", "running", state)
    })
}

const deleteRuntime: Check = {
  name: "delete-runtime",
  shows: "whether the sessions of a runtime that is deleted end with it",
  calls:
    "CreateAgentRuntime, CreateAgentRuntimeEndpoint, InvokeAgentRuntime (hello), DeleteAgentRuntimeEndpoint, DeleteAgentRuntime, then InvokeAgentRuntime and StopRuntimeSession",
  sessionSeconds: 180,
  takes: "5 to 12 min",
  needs: "image",
  run: (bench) =>
    Effect.gen(function* () {
      const { task, plan, resources, session } = yield* bench.made({})
      const first = yield* bench.boot(session)
      let left = resources
      do left = yield* broken(cleanup(task, plan, left))
      while (left.some(({ state }) => state !== "gone"))
      const asked = yield* Effect.either(broken(ask(bench.clients.poll, session, { v: 1, op: "hello" }, "150 seconds")))
      const said =
        asked._tag === "Left"
          ? asked.left.detail
          : asked.right.boot === first
            ? "answered by the machine from before"
            : "answered by another machine"
      bench.told("a request to its session once the runtime is gone", said)
      const { words } = yield* stop(bench, session)
      bench.judged(
        "Stop of its session once the runtime is gone",
        `${stopped} (it went on) or ${missing} (it ended, or can be stopped no more)`,
        words,
        words === stopped || words === missing
      )
      // One that can be stopped no more is over at its idle timeout.
      yield* bench.pass(2 * shortIdle)
    })
}

export const madeChecks: ReadonlyArray<Check> = [headerForwarding, idle, busyPing, deleteRuntime]
