import { assert, describe, it } from "@effect/vitest"
import { failureOf, parsed, sessionId, withBench } from "./support/AgentCoreBench.js"

const session = sessionId()

describe("which call a fault meets", () => {
  it("is the nth of its operation, its task and its method, as many times as asked", () =>
    withBench({}, {}, async (bench) => {
      const send = (op: string, taskId: string) =>
        bench.textOf(session, { dispatch: { v: 1, op, taskId } }).then(
          () => "ok",
          () => "struck"
        )
      void bench.emulator.control.addFault({
        op: "InvokeAgentRuntime",
        kind: "throttling",
        nth: 2,
        times: 2,
        match: { taskId: "a", method: "poll" }
      })
      const seen: Array<string> = []
      for (const [op, taskId] of [
        ["start", "a"],
        ["poll", "b"],
        ["poll", "a"],
        ["poll", "b"],
        ["poll", "a"],
        ["start", "a"],
        ["poll", "a"],
        ["poll", "a"]
      ] as const)
        seen.push(await send(op, taskId))
      assert.deepEqual(seen, ["ok", "ok", "ok", "ok", "struck", "ok", "struck", "ok"])
    }))
})

describe("the emulator's own paths", () => {
  it("let another process read the ledgers, set faults, move the clock, add runtimes and kill sessions", () =>
    withBench({}, {}, async ({ emulator, say, invoke, runtime }) => {
      const call = async (method: string, path: string, body?: unknown) => {
        const answer = await fetch(`${emulator.url}/_emulator/${path}`, {
          method,
          ...(body === undefined ? {} : { body: JSON.stringify(body) })
        })
        return { status: answer.status, text: await answer.text() }
      }
      await say(session, { taskId: "t" })
      const ledger = parsed((await call("GET", "ledger")).text)
      assert.deepEqual(Object.keys(ledger).sort(), [
        "billing",
        "invocations",
        "now",
        "runtimes",
        "sessionSeconds",
        "speed"
      ])
      assert.include(JSON.stringify(ledger["invocations"]), '"taskId":"t"')
      assert.strictEqual((await call("POST", "faults", { op: "InvokeAgentRuntime", kind: "nonsense" })).status, 400)
      assert.strictEqual(
        (await call("POST", "faults", { op: "InvokeAgentRuntime", kind: "throttling", times: 0 })).status,
        200
      )
      assert.strictEqual((await failureOf(invoke(session, {}))).name, "ThrottlingException")
      assert.include((await call("GET", "faults")).text, '"seen":1')
      await call("DELETE", "faults")
      await say(session, {})
      const before = emulator.control.clock.now()
      assert.strictEqual((await call("POST", "clock", { speed: 0 })).status, 400)
      await call("POST", "clock", { speed: 10, advanceMs: 60_000 })
      assert.isAtLeast(emulator.control.clock.now() - before, 60_000)
      assert.strictEqual(emulator.control.clock.speed, 10)
      const made = parsed((await call("POST", "runtimes", { agentRuntimeName: "added", serverProtocol: "A2A" })).text)
      assert.strictEqual(
        (await say(sessionId(), {}, { agentRuntimeArn: String(made["agentRuntimeArn"]) }))["path"],
        "/"
      )
      await call("POST", `kill?sessionId=${session}`)
      assert.isFalse(
        emulator.ledgers.live().some((bill) => bill.sessionId === session && bill.runtimeArn === runtime.arn)
      )
      assert.strictEqual((await call("GET", "nothing")).status, 404)
      assert.strictEqual((await call("GET", `log?sessionId=${session}`)).status, 200)
    }))
})
