import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { UpdateAgentRuntimeCommand } from "@aws-sdk/client-bedrock-agentcore-control"
import { assert, describe, it } from "@effect/vitest"
import {
  type Bench,
  alive,
  failureOf,
  fixture,
  scripted,
  sessionId,
  someRuntime,
  until,
  withBench
} from "./support/AgentCoreBench.js"

const worker = (env: Record<string, string>) => ({ workers: { "*": { ...scripted, env } } })
const minutes = 60_000

describe("a session's machine", () => {
  it("is one process of its own, kept for the session and not shared with another", () =>
    withBench({}, {}, async ({ say, emulator }) => {
      const [one, two] = [sessionId(), sessionId()]
      const pids = [await say(one, {}), await say(one, {}), await say(two, {})].map((echo) => echo["pid"])
      assert.strictEqual(pids[0], pids[1])
      assert.notStrictEqual(pids[0], pids[2])
      assert.deepEqual(
        emulator.ledgers.live().map(({ pid }) => pid),
        [pids[0], pids[2]]
      )
    }))

  it("takes calls side by side while it runs, and answers 409 while it is being made", () =>
    withBench(worker({ START_DELAY_MS: "300" }), {}, async ({ say, invoke, emulator }) => {
      const session = sessionId()
      const first = say(session, { state: true })
      await until("the machine is being made", () => emulator.ledgers.live().length === 1)
      const second = await failureOf(invoke(session, {}))
      assert.strictEqual(second.name, "RetryableConflictException")
      assert.strictEqual(second.$metadata?.httpStatusCode, 409)
      assert.strictEqual(second.message, "Session operation in progress, please retry")
      assert.strictEqual((await first)["seen"], 1)
      const together = await Promise.all([say(session, { sleep: 100 }), say(session, { sleep: 100 })])
      assert.strictEqual(together.length, 2)
    }))

  it("is stopped at once with its children and open answers; a second stop finds nothing", () =>
    withBench({}, {}, async ({ say, invoke, stop, emulator }) => {
      const session = sessionId()
      const { pid: child } = await say(session, { child: true })
      const { response } = await invoke(session, { sse: ["open"], open: true })
      const broken = failureOf(response?.transformToString() ?? Promise.resolve())
      assert.strictEqual((await stop(session)).runtimeSessionId, session)
      assert.match((await broken).message, /aborted|terminated/)
      assert.isFalse(typeof child === "number" && alive(child))
      assert.deepInclude(emulator.ledgers.billing()[0], { live: false, reason: "StopRuntimeSession" })
      const again = await failureOf(stop(session))
      assert.deepInclude(again, {
        name: "ResourceNotFoundException",
        message: "Session not found or already terminated"
      })
    }))

  it("is stopped once per client token: the same token again is answered as before and stops nothing", () =>
    withBench({}, {}, async ({ say, stop, emulator }) => {
      const session = sessionId()
      const clientToken = "t".repeat(40)
      await say(session, {})
      await stop(session, { clientToken })
      await stop(session, { clientToken })
      await say(session, {})
      await stop(session, { clientToken })
      assert.strictEqual(emulator.ledgers.live().length, 1)
      const other = await failureOf(stop(sessionId(), { clientToken }))
      assert.strictEqual(other.reason, "IdempotentParameterMismatchException")
      assert.strictEqual(
        (await failureOf(stop(session, { clientToken: "bad_token".repeat(5) }))).name,
        "ValidationException"
      )
    }))

  it("comes back empty when a stopped session is called again, billed anew", () =>
    withBench({}, {}, async ({ say, stop, emulator }) => {
      const session = sessionId()
      const before = await say(session, { state: true })
      await say(session, { append: "file" })
      await stop(session)
      const after = await say(session, { state: true })
      assert.strictEqual(after["seen"], 1)
      assert.notStrictEqual(after["pid"], before["pid"])
      assert.deepEqual(await say(session, { exists: "file" }), { exists: false })
      assert.deepEqual(
        emulator.ledgers.billing().map(({ live }) => live),
        [false, true]
      )
    }))

  it("also comes back when its worker died by itself", () =>
    withBench({}, {}, async ({ say, invoke, emulator }) => {
      const session = sessionId()
      await failureOf(invoke(session, { exit: 0 }))
      assert.strictEqual((await say(session, { state: true }))["seen"], 1)
      assert.strictEqual(emulator.ledgers.billing()[0]?.reason, "worker exited")
    }))

  it("goes on when its caller leaves", () =>
    withBench({}, {}, async ({ say, invoke, emulator }) => {
      const session = sessionId()
      const { response } = await invoke(session, { sse: ["1", "2", "3", "4"], everyMs: 60 })
      const reader = response?.transformToWebStream().getReader()
      await reader?.read()
      await reader?.cancel()
      await until("the caller's leaving is seen", () => emulator.ledgers.invocations[0]?.clientGone === true)
      await until(
        "the work is done all the same",
        async () => String((await say(session, { state: true }))["done"]) === "sse"
      )
    }))

  it("answers 424 when its worker does not come up in time, dies at start, or does not exist", async () => {
    const slow = { timing: { initFloor: 400, init: 1 } }
    for (const workers of [
      { "*": { ...scripted, env: { NEVER_LISTEN: "1" } } },
      { "*": { ...scripted, env: { CRASH_AT_START: "1" } } },
      { "*": { command: [fixture("no-such-program")] } },
      { other: scripted }
    ])
      await withBench({ workers, ...slow }, {}, async ({ invoke, emulator }) => {
        const error = await failureOf(invoke(sessionId(), {}))
        assert.strictEqual(error.$metadata?.httpStatusCode, 424)
        assert.match(
          error.message,
          /^Runtime initialization time exceeded\. Please make sure that initialization completes in/
        )
        assert.deepEqual(emulator.ledgers.deliveries(), [])
      })
  })

  it("is ended when its health check fails three times", () =>
    withBench({ speed: 50 }, {}, async ({ say, emulator }) => {
      await say(sessionId(), { sick: true })
      await until("the sick machine is gone", () => emulator.ledgers.live().length === 0)
      assert.strictEqual(emulator.ledgers.billing()[0]?.reason, "unhealthy")
    }))

  it("gets SIGTERM and its grace at the end of its lifetime, and SIGKILL after it", async () => {
    const dir = mkdtempSync(join(tmpdir(), "sigterm-"))
    const file = join(dir, "told")
    await withBench(worker({ SIGTERM_FILE: file }), { maxLifetime: 600 }, async ({ say, emulator }) => {
      await say(sessionId(), { busy: 60_000 })
      emulator.control.advance(9 * minutes)
      assert.strictEqual(emulator.ledgers.live().length, 1)
      emulator.control.advance(1 * minutes)
      await until("the machine is gone", () => emulator.ledgers.live().length === 0)
      assert.strictEqual(readFileSync(file, "utf8"), "term\n")
      const [bill] = emulator.ledgers.billing()
      assert.strictEqual(bill?.reason, "maxLifetime")
      assert.approximately(bill?.seconds ?? 0, 600, 5)
    })
    const stubborn = { ...worker({ STUBBORN: "1" }), timing: { graceFloor: 150, grace: 150 } }
    await withBench(stubborn, { maxLifetime: 600 }, async ({ say, invoke, emulator }) => {
      const session = sessionId()
      await say(session, {})
      emulator.control.advance(10 * minutes)
      await until("the machine is asked to leave", () => emulator.control.machines()[0]?.state === "terminating")
      assert.strictEqual((await failureOf(invoke(session, {}))).name, "RetryableConflictException")
      await until("the machine is gone", () => emulator.ledgers.live().length === 0)
    })
    rmSync(dir, { recursive: true })
  })
})

describe("the idle reaper", () => {
  const seed = { idleRuntimeSessionTimeout: 60, maxLifetime: 28_800 }
  const fast = { timing: { pingFloor: 10, ping: 10 } }

  /** Waits for so many more health checks, or the machine's end. */
  const checks = async ({ control }: Bench["emulator"], count: number) => {
    const before = control.machines()[0]?.pings ?? 0
    await until("the health checks go on", () => {
      const [machine] = control.machines()
      return machine === undefined || machine.pings >= before + count
    })
  }

  /** Whether the machine is still there when a minute without a call has passed, and two more health checks. */
  const survives = (ping: string, idleModel: "doc" | "measured", script: Record<string, unknown>, ms = 61_000) => {
    let survived = false
    return withBench({ ...worker({ PING_TIME: ping }), ...fast, idleModel }, seed, async ({ say, emulator }) => {
      await say(sessionId(), script)
      // A health check has to see the new status before time moves, and two more what time has done.
      await checks(emulator, 2)
      emulator.control.advance(ms)
      await checks(emulator, 2)
      survived = emulator.ledgers.live().length === 1
      if (!survived) assert.strictEqual(emulator.ledgers.billing()[0]?.reason, "idle")
    }).then(() => survived)
  }

  it("ends a machine with nothing to do after the idle timeout, in both models, and not before", async () => {
    assert.isTrue(await survives("changed", "measured", {}, 50_000))
    assert.isFalse(await survives("changed", "measured", {}))
    assert.isFalse(await survives("changed", "doc", {}))
  })

  it("keeps a busy machine by its status alone as documented, only beside the time of the change as measured", async () => {
    assert.isTrue(await survives("none", "doc", { busy: 30_000 }))
    assert.isFalse(await survives("none", "measured", { busy: 30_000 }))
    assert.isFalse(await survives("iso", "measured", { busy: 30_000 }))
    assert.isTrue(await survives("changed", "measured", { busy: 30_000 }))
  })

  it("counts calls inside the container as work, and every call anew", () =>
    withBench(fast, seed, async ({ say, emulator }) => {
      const session = sessionId()
      const long = say(session, { sleep: 400 })
      await until("the call is inside", () => emulator.ledgers.deliveries().length === 1)
      emulator.control.advance(300_000)
      assert.deepEqual(await long, { slept: 400 })
      emulator.control.advance(50_000)
      await say(session, {})
      emulator.control.advance(50_000)
      await checks(emulator, 2)
      assert.strictEqual(emulator.ledgers.live().length, 1)
      emulator.control.advance(11_000)
      await until("the idle machine is gone", () => emulator.ledgers.live().length === 0)
    }))

  it("never ends a machine that moves its time at every health check", () =>
    withBench({ ...worker({ PING_TIME: "always-now" }), ...fast, speed: 200 }, seed, async ({ say, emulator }) => {
      await say(sessionId(), {})
      const began = emulator.control.clock.now()
      await until("three idle timeouts have passed", () => emulator.control.clock.now() - began > 180_000)
      assert.strictEqual(emulator.ledgers.live().length, 1)
    }))

  it("lets eight hours pass in seconds with a busy machine, and ends it at its lifetime", () =>
    withBench({ speed: 14_400 }, { idleRuntimeSessionTimeout: 900 }, async ({ say, emulator }) => {
      await say(sessionId(), { busy: 60_000 })
      await until("the machine's eight hours are over", () => emulator.ledgers.live().length === 0)
      const [bill] = emulator.ledgers.billing()
      assert.strictEqual(bill?.reason, "maxLifetime")
      assert.isAtLeast(emulator.ledgers.sessionSeconds(), 28_800)
    }))
})

describe("what outlives a session's machine", () => {
  const seed = { sessionStorage: "/mnt/data", environmentVariables: { DATA: "/mnt/data" } }

  it("is its session storage, until the runtime has a new version", () =>
    withBench({ timing: { update: 0 } }, seed, async ({ say, stop, control, id, runtime }) => {
      const session = sessionId()
      const { env } = await say(session, {})
      const file = `${String(Object(env)["DATA"])}/journal`
      assert.deepEqual(await say(session, { append: file }), { text: "x" })
      await stop(session)
      assert.deepEqual(await say(session, { append: file }), { text: "xx" })
      const { agentRuntimeName: _name, ...artifact } = someRuntime("first")
      await control.send(
        new UpdateAgentRuntimeCommand({
          ...artifact,
          agentRuntimeId: id,
          filesystemConfigurations: [{ sessionStorage: { mountPath: "/mnt/data" } }]
        })
      )
      await until("the update is over", () => runtime.status === "READY")
      assert.deepEqual(await say(session, { append: file }), { text: "xxx" })
      await stop(session)
      assert.deepEqual(await say(session, { append: file }), { text: "x" })
    }))

  it("is nothing at all after two idle weeks", () =>
    withBench({}, seed, async ({ say, stop, emulator }) => {
      const session = sessionId()
      const { env } = await say(session, {})
      const file = `${String(Object(env)["DATA"])}/journal`
      await say(session, { append: file })
      await stop(session)
      emulator.control.advance(15 * 24 * 60 * minutes)
      assert.deepEqual(await say(session, { append: file }), { text: "x" })
    }))
})

describe("machines restored from one snapshot", () => {
  it("share what was drawn before the first request, their process id and host name, and nothing drawn later", () =>
    withBench({ snapshotClones: true }, {}, async ({ say }) => {
      const [one, two] = [await say(sessionId(), { state: true }), await say(sessionId(), { state: true })]
      assert.strictEqual(one["bornWith"], two["bornWith"])
      assert.notStrictEqual(one["mintedNow"], two["mintedNow"])
      assert.deepEqual([one["pid"], one["hostname"]], [1, "localhost"])
    }))
})
