import { GetAgentRuntimeCommand, CreateAgentRuntimeCommand } from "@aws-sdk/client-bedrock-agentcore-control"
import { assert, describe, it } from "@effect/vitest"
import type { NewFault } from "./emulators/agentcore/Faults.js"
import { type Bench, failureOf, sessionId, someRuntime, until, withBench } from "./support/AgentCoreBench.js"

const statusOf = async ({ control }: Bench, agentRuntimeId: string | undefined) =>
  (await control.send(new GetAgentRuntimeCommand({ agentRuntimeId }))).status

const stuck = async (bench: Bench, name: string, fault: Partial<NewFault> = {}) => {
  void bench.emulator.control.addFault({ op: "CreateAgentRuntime", kind: "stuck", ...fault })
  const { agentRuntimeId } = await bench.control.send(new CreateAgentRuntimeCommand(someRuntime(name)))
  return agentRuntimeId
}

describe("a stuck resource", () => {
  it("stays as it is whatever the time, until it is let go from outside", () =>
    withBench({}, {}, async (bench) => {
      const id = await stuck(bench, "held")
      bench.emulator.control.advance(24 * 3_600_000)
      assert.strictEqual(await statusOf(bench, id), "CREATING")
      const answer = await fetch(`${bench.emulator.url}/_emulator/unstick`, { method: "POST" })
      assert.strictEqual(answer.status, 200)
      await until("it is READY", async () => (await statusOf(bench, id)) === "READY")
    }))

  it("goes on by itself when its time is over", () =>
    withBench({ speed: 10 }, {}, async (bench) => {
      const began = Date.now()
      const id = await stuck(bench, "slow", { ms: 600 })
      assert.strictEqual(await statusOf(bench, id), "CREATING")
      await until("it is READY", async () => (await statusOf(bench, id)) === "READY")
      assert.isAtLeast(Date.now() - began, 590)
    }))
})

describe("a command's stream", () => {
  const op = "InvokeAgentRuntimeCommand"
  const command = "/bin/sh -c 'echo out; sleep 0.3; echo more'"

  it("is reset in its middle, or ends before its exit code", () =>
    withBench({}, {}, async (bench) => {
      void bench.emulator.control.addFault({ op, kind: "reset-mid-stream" })
      assert.match((await failureOf(bench.run(sessionId(), command))).message, /aborted|terminated|ECONNRESET/)
      void bench.emulator.control.addFault({ op, kind: "silent-fin" })
      const cut = await bench.run(sessionId(), command)
      assert.deepEqual([cut.kinds, cut.exitCode], [["contentStart"], undefined])
    }))

  it("arrives whole in small pieces", () =>
    withBench({}, {}, async (bench) => {
      void bench.emulator.control.addFault({ op, kind: "tear-chunks" })
      assert.deepInclude(await bench.run(sessionId(), command), { stdout: "out\nmore\n", exitCode: 0 })
    }))
})

describe("an answer with one wrong letter", () => {
  it("differs from the right one there and nowhere else", () =>
    withBench({}, {}, async (bench) => {
      const session = sessionId()
      const script = { sse: ["aaaa", "bbbb"] }
      const right = await bench.textOf(session, script)
      void bench.emulator.control.addFault({ op: "InvokeAgentRuntime", kind: "corrupt", afterBytes: 20 })
      const wrong = await bench.textOf(session, script)
      const differing = [...right].flatMap((letter, index) => (letter === wrong[index] ? [] : [index]))
      assert.deepEqual([differing, wrong.length], [[20], right.length])
    }))
})
