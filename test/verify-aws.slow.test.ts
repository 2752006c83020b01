import { type ChildProcess, spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { serve } from "./emulators/agentcore/Emulator.js"
import { until } from "./support/AgentCoreBench.js"
import { bundle } from "./support/WorkerProcess.js"
import { checks } from "./verify-aws/Checks.js"
import { readOptions } from "./verify-aws/Options.js"
import { costOf, usd } from "./verify-aws/Price.js"

const main = fileURLToPath(new URL("./verify-aws/main.ts", import.meta.url))
const root = fileURLToPath(new URL("..", import.meta.url))
const image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/worker:1"
const role = "arn:aws:iam::123456789012:role/agent"

const emulate = (speed: number) =>
  serve({
    workers: {
      "*": {
        command: [process.execPath, bundle, "serve"],
        env: { PORT: "{port:8080}", A2A_PORT: "{port:9000}", AGENTDISPATCH_WORKER_HOST: "127.0.0.1" }
      }
    },
    speed,
    timing: { init: 600_000 },
    runtimes: [{ agentRuntimeName: "first", agentRuntimeId: "first-0123456789", idleRuntimeSessionTimeout: 28_800 }]
  })
const arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/first-0123456789"

const onAws = ["--live", "--runtime-arn", arn] as const

type Emulated = Awaited<ReturnType<typeof emulate>>
const opened: Array<Emulated> = []
const children: Array<ChildProcess> = []
afterAll(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL")
  for (const emulator of opened) await emulator.close()
})

/** An emulator whose clock goes so many times faster. */
const emulated = (speed: number) =>
  Effect.promise(async () => {
    const emulator = await emulate(speed)
    opened.push(emulator)
    return { emulator, live: ["--live", "--runtime-arn", arn, "--endpoint", emulator.url, "--speed", String(speed)] }
  })

/** The script as a process; its credentials are nobody's. */
const launch = (args: ReadonlyArray<string>) => {
  const none = join(tmpdir(), "agentdispatch-no-such-file")
  const child = spawn(process.execPath, ["--import", "tsx", main, ...args], {
    cwd: root,
    env: {
      PATH: process.env["PATH"] ?? "",
      AWS_ACCESS_KEY_ID: "AKIDTEST0000000001LAST",
      AWS_SECRET_ACCESS_KEY: "not-a-secret",
      AWS_CONFIG_FILE: none,
      AWS_SHARED_CREDENTIALS_FILE: none,
      AWS_EC2_METADATA_DISABLED: "true"
    },
    stdio: ["ignore", "pipe", "pipe"]
  })
  children.push(child)
  const said = { out: "", err: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text))
  const ended = new Promise<number | string>((resolve) =>
    child.once("close", (code, signal) => resolve(code ?? signal ?? "?"))
  )
  return { child, said, ended }
}

const ran = (args: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    const { said, ended } = launch(args)
    const code = await ended
    return { code, ...said }
  })

/** `pass`, `differs` or `skipped`, by the check's name. */
const verdicts = (out: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...out.matchAll(/^(pass|differs|skipped|interrupted) +(\S+)  \(/gm)].map(([, verdict = "", name = ""]) => [
      name,
      verdict
    ])
  )

const nothingLeft = ({ ledgers, control }: Emulated) => {
  assert.deepStrictEqual(ledgers.live(), [])
  assert.deepStrictEqual(
    control.runtimes().map(({ name }) => name),
    ["first"]
  )
}

describe("verify:aws", { timeout: 120_000 }, () => {
  it.live("tells every check, its calls and its cost without arguments, and how to run it", () =>
    Effect.gen(function* () {
      const { code, out, err } = yield* ran([])
      assert.deepStrictEqual([code, err], [0, ""])
      assert.include(out, "Nothing was sent.")
      for (const { name, shows, calls, sessionSeconds } of checks)
        for (const part of [`\n${name}`, shows, calls, usd(costOf(sessionSeconds))]) assert.include(out, part)
      assert.include(out, "0.0895 USD per vCPU-hour and 0.00945 USD per GB-hour")
      assert.include(out, "--live --runtime-arn ARN")
    })
  )

  for (const [args, problem] of [
    [["--live"], "--runtime-arn"],
    [["--runtime-arn", arn], "--live"],
    [["--only", "nothing"], 'no check "nothing"'],
    [["--unknown"], "--unknown"],
    [[...onAws, "--image", image], "--role"],
    [[...onAws, "--image", "worker:1", "--role", role], "no private ECR image"],
    [[...onAws, "--only", "idle"], "--image and --role"],
    [[...onAws, "--region", "eu-west-1"], "make them agree"],
    [["--live", "--runtime-arn", "runtime/first"], "no runtime ARN"],
    [[...onAws, "--endpoint", "http://example.com"], "only https"],
    [[...onAws, "--speed", "9"], "--endpoint"],
    [[...onAws, "--endpoint", "http://127.0.0.1:9", "--speed", "slow"], "at least 1"]
  ] as const) {
    it.effect(`refuses ${args.join(" ")}`, () =>
      Effect.map(Effect.flip(readOptions(args)), (usage) => assert.include(usage.problem, problem))
    )
  }

  it.live("says on stderr what is wrong with its arguments, and sends nothing", () =>
    Effect.gen(function* () {
      const { emulator, live } = yield* emulated(1)
      const { code, out, err } = yield* ran([...live, "--image", image])
      assert.deepStrictEqual([code, out], [2, ""])
      assert.include(err, "--role")
      assert.include(err, "How to run it")
      assert.deepStrictEqual(emulator.ledgers.invocations, [])
    })
  )

  it.live(
    "passes against a faithful service, with what it saw, and leaves nothing behind",
    () =>
      Effect.gen(function* () {
        const { emulator, live } = yield* emulated(60)
        const { code, out, err } = yield* ran([...live, "--image", image, "--role", role])
        const expected = checks.map(({ name, slow }) => [name, slow === true ? "skipped" : "pass"])
        const workers = emulator.ledgers
          .billing()
          .map(({ sessionId, reason }) => [reason, emulator.control.log(sessionId)])
        assert.deepStrictEqual(verdicts(out), Object.fromEntries(expected), out + err + JSON.stringify(workers))
        assert.strictEqual(code, 0)
        assert.notInclude(out, "WRONG")
        assert.include(out, "Stop of a live session: expected 200, observed 200")
        assert.match(out, /requests .*StopRuntimeSession 200 \S+/)
        assert.match(out, /^In all [1-9]\d*\.\d s of session: at most 0\.\d{4} USD\.$/m)
        assert.include(out, "Everything that was opened is stopped or deleted.")
        nothingLeft(emulator)
        const sessions = emulator.ledgers.billing().map(({ sessionId, qualifier }) => `${qualifier} ${sessionId}`)
        assert.isAtLeast(new Set(sessions).size, 8, "each check has a session of its own")
      }),
    120_000
  )

  it.live("says which check differs from a service that denies a live session, and still stops it", () =>
    Effect.gen(function* () {
      const { emulator, live } = yield* emulated(60)
      void emulator.control.addFault({ op: "StopRuntimeSession", kind: "not-found" })
      const { code, out } = yield* ran([...live, "--only", "stop", "--only", "stop-qualifier"])
      assert.deepStrictEqual(verdicts(out), { stop: "differs", "stop-qualifier": "pass" })
      assert.include(out, "WRONG Stop of a live session: expected 200, observed 404 ResourceNotFoundException")
      assert.strictEqual(code, 1)
      nothingLeft(emulator)
    })
  )

  it.live("names what it could not stop", () =>
    Effect.gen(function* () {
      const { emulator, live } = yield* emulated(60)
      void emulator.control.addFault({ op: "StopRuntimeSession", kind: "access-denied", times: 0 })
      const { code, out } = yield* ran([...live, "--only", "stop-token"])
      const [session] = emulator.ledgers.live()
      assert.strictEqual(code, 1)
      assert.include(out, `LEFT  session ${session?.sessionId ?? "?"} of ${arn}`)
      assert.include(out, "NOT confirmed gone")
    })
  )

  it.live("tells a service that cannot be reached as one, and ends", () =>
    Effect.gen(function* () {
      const { code, out } = yield* ran([
        "--live",
        "--runtime-arn",
        arn,
        "--endpoint",
        "http://127.0.0.1:9",
        "--only",
        "signature"
      ])
      assert.deepStrictEqual([code, verdicts(out)], [1, { signature: "differs" }])
      assert.include(out, "ECONNREFUSED")
    })
  )

  for (const [name, when] of [
    ["stop", "while a machine comes up"],
    ["busy-ping", "while a runtime of its own is at work"]
  ] as const) {
    it.live(`ends everything and tells the sum when it is interrupted ${when}`, () =>
      Effect.gen(function* () {
        const { emulator, live } = yield* emulated(4)
        if (name === "stop") void emulator.control.addFault({ op: "InvokeAgentRuntime", kind: "slow-start", ms: 2_000 })
        const { child, said, ended } = launch([...live, "--image", image, "--role", role, "--only", name])
        yield* Effect.promise(() => until("a session is open", () => emulator.ledgers.live().length > 0, 60_000))
        child.kill("SIGINT")
        assert.strictEqual(yield* Effect.promise(() => ended), 130, said.err)
        assert.deepStrictEqual(verdicts(said.out), { [name]: "interrupted" })
        assert.match(said.out, /^In all \d+\.\d s of session: at most 0\.\d{4} USD\.\nEverything/m)
        nothingLeft(emulator)
      })
    )
  }

  it.live("runs a slow check when it is named, and tells a limit that is another", () =>
    Effect.gen(function* () {
      const { emulator, live } = yield* emulated(300)
      const { code, out } = yield* ran([...live, "--only", "sync-limit"])
      assert.deepStrictEqual([code, verdicts(out)], [0, { "sync-limit": "pass" }], out)
      assert.include(out, "cut off after 9")
      void emulator.control.addFault({ op: "InvokeAgentRuntime", kind: "reset", when: "sent", nth: 2 })
      const other = yield* ran([...live, "--only", "sync-limit"])
      assert.deepStrictEqual([other.code, verdicts(other.out)], [1, { "sync-limit": "differs" }], other.out)
      nothingLeft(emulator)
    })
  )
})
