import {
  BedrockAgentCoreClient,
  InvokeAgentRuntimeCommand,
  InvokeAgentRuntimeCommandCommand
} from "@aws-sdk/client-bedrock-agentcore"
import { assert, describe, it } from "@effect/vitest"
import { type NewFault } from "./emulators/agentcore/Faults.js"
import { type Bench, failureOf, parsed, sessionId, until, withBench } from "./support/AgentCoreBench.js"

const invokeFault = (kind: NewFault["kind"], more: Partial<NewFault> = {}): NewFault => ({
  op: "InvokeAgentRuntime",
  kind,
  ...more
})

const session = sessionId()

/** What the genuine client makes of one disturbed call, and how often its container saw it. */
const struck = async (bench: Bench, fault: NewFault, payload: Record<string, unknown> = { taskId: "struck" }) => {
  const before = await bench.say(session, { state: true })
  const strikes = bench.emulator.control.addFault(fault)
  const failure = await failureOf(bench.textOf(session, payload))
  await strikes
  const call = bench.emulator.ledgers.invocations.findLast(({ fault: kind }) => kind === fault.kind)
  const after = await bench.say(session, { state: true })
  return { failure, call, containerSaw: Number(after["seen"]) - Number(before["seen"]) - 1 }
}

describe("a fault before delivery", () => {
  it("answers in the service's name, and the container never hears of the call", () =>
    withBench({}, {}, async (bench) => {
      const rows: ReadonlyArray<readonly [NewFault["kind"], number, string]> = [
        ["throttling", 429, "ThrottlingException"],
        ["internal-error", 500, "InternalServerException"],
        ["retryable-conflict", 409, "RetryableConflictException"],
        ["access-denied", 403, "AccessDeniedException"],
        ["expired-credentials", 403, "ExpiredTokenException"],
        ["not-found", 404, "ResourceNotFoundException"],
        ["quota", 402, "ServiceQuotaExceededException"],
        ["runtime-error", 424, "RuntimeClientError"],
        ["init-timeout", 424, "RuntimeClientError"],
        ["unauthorized", 401, "UnauthorizedException"],
        ["validation", 400, "ValidationException"]
      ]
      for (const [kind, status, name] of rows) {
        const { failure, call, containerSaw } = await struck(bench, invokeFault(kind))
        assert.strictEqual(failure.$metadata?.httpStatusCode, status, kind)
        assert.strictEqual(failure.name, name, kind)
        assert.deepInclude(call, { delivered: false, deliveries: 0, status, taskId: "struck" })
        assert.strictEqual(containerSaw, 0, kind)
      }
    }))

  it("answers in the name of what stands before the service, without an error type", () =>
    withBench({}, {}, async (bench) => {
      for (const [kind, status] of [
        ["bad-gateway", 502],
        ["service-unavailable", 503],
        ["gateway-timeout", 504],
        ["request-timeout", 408]
      ] as const) {
        const { failure, containerSaw } = await struck(bench, invokeFault(kind))
        assert.strictEqual(failure.$metadata?.httpStatusCode, status)
        assert.strictEqual(containerSaw, 0)
      }
    }))

  it("resets the connection, or takes none for a while", () =>
    withBench({}, {}, async (bench) => {
      const reset = await struck(bench, invokeFault("reset"))
      assert.strictEqual(reset.failure.code, "ECONNRESET")
      assert.strictEqual(reset.containerSaw, 0)
      void bench.emulator.control.addFault(invokeFault("refuse", { ms: 300 }))
      assert.strictEqual((await failureOf(bench.invoke(session, {}))).code, "ECONNRESET")
      assert.strictEqual((await failureOf(bench.invoke(session, {}))).code, "ECONNREFUSED")
      await until("connections are taken again", () =>
        bench.textOf(session, {}).then(
          () => true,
          () => false
        )
      )
    }))

  it("does not answer at all", () =>
    withBench({}, {}, async (bench) => {
      void bench.emulator.control.addFault(invokeFault("hang"))
      const controller = new AbortController()
      const call = bench.data.send(
        new InvokeAgentRuntimeCommand({
          agentRuntimeArn: bench.arn,
          runtimeSessionId: session,
          payload: Buffer.from("{}")
        }),
        { abortSignal: controller.signal }
      )
      const early = await Promise.race([
        call.then(() => "answered"),
        new Promise((resolve) => setTimeout(resolve, 200))
      ])
      assert.isUndefined(early)
      controller.abort()
      assert.strictEqual((await failureOf(call)).name, "AbortError")
      assert.deepEqual(bench.emulator.ledgers.deliveries(), [])
    }))
})

describe("a fault after delivery", () => {
  it("loses the answer of work that is done", () =>
    withBench({}, {}, async (bench) => {
      for (const kind of ["internal-error", "bad-gateway", "service-unavailable", "gateway-timeout", "reset"] as const)
        for (const when of ["sent", "after"] as const) {
          const { failure, call, containerSaw } = await struck(bench, invokeFault(kind, { when }))
          assert.isTrue(
            failure.code === "ECONNRESET" || (failure.$metadata?.httpStatusCode ?? 0) >= 500,
            `${kind} ${when}`
          )
          assert.deepInclude(call, { delivered: true, deliveries: 1 })
          assert.strictEqual(containerSaw, 1, `${kind} ${when}`)
        }
    }))

  it("makes a client with the default retries run the work three times", () =>
    withBench({}, {}, async (bench) => {
      const { maxAttempts: _one, ...three } = bench.client
      const client = new BedrockAgentCoreClient(three)
      void bench.emulator.control.addFault(invokeFault("internal-error", { when: "after", times: 0 }))
      const call = client.send(
        new InvokeAgentRuntimeCommand({
          agentRuntimeArn: bench.arn,
          runtimeSessionId: session,
          payload: Buffer.from('{"taskId":"t"}')
        })
      )
      assert.strictEqual((await failureOf(call)).$metadata?.attempts, 3)
      const deliveries = bench.emulator.ledgers.deliveries({ taskId: "t" })
      assert.deepEqual(
        deliveries.map(({ attempt }) => attempt),
        [1, 2, 3]
      )
      assert.strictEqual(new Set(deliveries.map(({ invocationId }) => invocationId)).size, 1)
      client.destroy()
    }))

  it("delivers a request twice", () =>
    withBench({}, {}, async (bench) => {
      void bench.emulator.control.addFault(invokeFault("duplicate"))
      assert.strictEqual((await bench.say(session, { state: true }))["seen"], 2)
      assert.strictEqual(bench.emulator.ledgers.deliveries()[0]?.deliveries, 2)
    }))

  it("breaks a streamed answer off: by a reset, by an end that looks whole, by silence", () =>
    withBench({}, {}, async (bench) => {
      const script = { sse: ["aaaa", "bbbb", "cccc"], everyMs: 30 }
      const reset = await struck(bench, invokeFault("reset-mid-stream"), script)
      assert.match(reset.failure.message, /aborted|terminated/)
      assert.strictEqual(reset.call?.status, 200)
      void bench.emulator.control.addFault(invokeFault("silent-fin", { afterBytes: 15 }))
      assert.strictEqual(await bench.textOf(session, script), "data: aaaa\n\ndat")
      void bench.emulator.control.addFault(invokeFault("stall"))
      const { response } = await bench.invoke(session, script)
      const reader = response?.transformToWebStream().getReader()
      assert.strictEqual(Buffer.from((await reader?.read())?.value ?? []).toString(), "data: aaaa\n\n")
      const next = await Promise.race([
        reader?.read(),
        new Promise((resolve) => setTimeout(() => resolve("silence"), 250))
      ])
      assert.strictEqual(next, "silence")
      await reader?.cancel()
    }))

  it("tears an answer into small pieces, or answers nonsense", () =>
    withBench({}, {}, async (bench) => {
      void bench.emulator.control.addFault(invokeFault("tear-chunks"))
      const { response } = await bench.invoke(session, { sse: ['{"half": "json"}'] })
      const pieces: Array<string> = []
      const reader = response?.transformToWebStream().getReader()
      for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read())
        pieces.push(Buffer.from(piece.value).toString())
      assert.isAtLeast(pieces.length, 3)
      assert.strictEqual(pieces.join(""), 'data: {"half": "json"}\n\n')
      for (const kind of ["malformed-json", "malformed-sse"] as const) {
        void bench.emulator.control.addFault(invokeFault(kind))
        const text = await bench.textOf(session, {})
        assert.throws(() => parsed(text))
      }
    }))

  it("takes the machine away: killed, asked to leave, or as an idle one, and the next call finds a new one", () =>
    withBench({}, {}, async (bench) => {
      for (const [kind, reason] of [
        ["vm-kill", "killed"],
        ["vm-terminate", "terminated"],
        ["idle-reap", "idle"]
      ] as const) {
        void bench.emulator.control.addFault(invokeFault(kind, { ms: 50 }))
        assert.strictEqual((await failureOf(bench.invoke(session, { sleep: 5000 }))).$metadata?.httpStatusCode, 424)
        assert.strictEqual(bench.emulator.ledgers.billing().at(-1)?.reason, reason)
        assert.strictEqual((await bench.say(session, { state: true }))["seen"], 1)
      }
    }))
})

describe("a fault around the machine's start", () => {
  it("recycles the machine just before the call reaches it", () =>
    withBench({}, {}, async (bench) => {
      const before = await bench.say(session, { state: true })
      void bench.emulator.control.addFault(invokeFault("recycle"))
      const after = await bench.say(session, { state: true })
      assert.notStrictEqual(after["pid"], before["pid"])
      assert.isTrue(bench.emulator.ledgers.invocations[1]?.freshMachine)
    }))

  it("delays the call, slows the start, or never lets it end", () =>
    withBench({ timing: { init: 1, initFloor: 700 } }, {}, async (bench) => {
      const took = async (kind: NewFault["kind"], ms: number) => {
        const began = Date.now()
        void bench.emulator.control.addFault(invokeFault(kind, { ms }))
        await bench.textOf(sessionId(), {})
        return Date.now() - began
      }
      assert.isAtLeast(await took("slow-start", 300), 300)
      assert.isAtLeast(await took("delay", 200), 200)
      void bench.emulator.control.addFault(invokeFault("never-ready"))
      const error = await failureOf(bench.invoke(sessionId(), {}))
      assert.match(error.message, /initialization time exceeded/)
    }))
})

describe("a fault of stopping a session", () => {
  it("says 404 for a live session, 500 for a stopped one, or nothing", () =>
    withBench({}, {}, async (bench) => {
      const stopFault = (kind: NewFault["kind"], more: Partial<NewFault> = {}) =>
        void bench.emulator.control.addFault({ op: "StopRuntimeSession", kind, ...more })
      await bench.textOf(session, {})
      stopFault("not-found")
      assert.strictEqual((await failureOf(bench.stop(session))).name, "ResourceNotFoundException")
      assert.strictEqual(bench.emulator.ledgers.live().length, 1)
      stopFault("hang")
      const hung = await Promise.race([
        bench.stop(session),
        new Promise((resolve) => setTimeout(() => resolve("hung"), 150))
      ])
      assert.strictEqual(hung, "hung")
      assert.strictEqual(bench.emulator.ledgers.live().length, 1)
      stopFault("internal-error", { when: "after" })
      assert.strictEqual((await failureOf(bench.stop(session))).$metadata?.httpStatusCode, 500)
      assert.strictEqual(bench.emulator.ledgers.live().length, 0)
    }))
})

describe("a fault of a command", () => {
  it("ends the stream in an exception frame, or the machine under it", () =>
    withBench({}, {}, async (bench) => {
      const op = "InvokeAgentRuntimeCommand"
      void bench.emulator.control.addFault({ op, kind: "exception-frame" })
      assert.strictEqual((await failureOf(bench.run(session, "true"))).name, "RuntimeClientError")
      void bench.emulator.control.addFault({ op, kind: "throttling" })
      assert.strictEqual((await failureOf(bench.run(session, "true"))).name, "ThrottlingException")
      const call = await bench.data.send(
        new InvokeAgentRuntimeCommandCommand({
          agentRuntimeArn: bench.arn,
          runtimeSessionId: session,
          body: { command: "sleep 30" }
        })
      )
      await bench.emulator.control.killSession(session)
      const drain = async () => {
        for await (const event of call.stream ?? []) assert.isDefined(event)
      }
      assert.match((await failureOf(drain())).message, /aborted|terminated|ECONNRESET/)
    }))
})
