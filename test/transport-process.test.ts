import { assert, layer } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { processesHere } from "../adapters/local-process/supervisor/Processes.js"
import * as TransportProcess from "../src/drivers/TransportProcess.js"
import { Transport } from "../src/services/Transport.js"
import { until } from "./support/LocalWork.js"

const env = { PATH: "/usr/local/bin:/usr/bin:/bin" }
const run = (...argv: readonly [string, ...ReadonlyArray<string>]) =>
  Effect.flatMap(Transport, (transport) => transport.run({ argv, env, timeoutSeconds: 20 }))

layer(TransportProcess.layer, { excludeTestServices: true })("Transport (process)", (it) => {
  it.effect("runs a command with its stdin and nothing but its own environment", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const echoed = yield* transport.run({ argv: ["cat"], env, stdin: "words $HOME", timeoutSeconds: 20 })
      assert.deepEqual(echoed, { exitCode: 0, stdout: "words $HOME", stderr: "" })
      assert.deepEqual(yield* run("env"), { exitCode: 0, stdout: `PATH=${env.PATH}\n`, stderr: "" })
      assert.deepEqual(yield* run("sh", "-c", "echo no >&2; exit 3"), { exitCode: 3, stdout: "", stderr: "no\n" })
    })
  )

  it.effect("cuts what is printed at 1 MiB and lets the command go on", () =>
    Effect.map(run("sh", "-c", "head -c 3000000 /dev/zero; echo end >&2"), ({ stdout, stderr }) => {
      assert.strictEqual(stdout.length, 1024 * 1024)
      assert.strictEqual(stderr, "end\n")
    })
  )

  it.effect("names an executable that does not exist", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(run("no-such-program"))
      assert.strictEqual(missing._tag, "CommandNotFound")
      assert.include(missing.message, "no-such-program")
      const unlaunched = yield* Effect.flip(
        Effect.flatMap(Transport, (transport) => transport.launch({ argv: ["/no/such"], env }))
      )
      assert.strictEqual(unlaunched._tag, "CommandNotFound")
    })
  )

  it.effect("ends a command that takes too long, with its children", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const mark = "31.4159"
      const overdue = yield* Effect.flip(
        transport.run({ argv: ["sh", "-c", `sleep ${mark} & sleep ${mark}`], env, timeoutSeconds: 0.3 })
      )
      assert.strictEqual(overdue._tag, "CommandTimedOut")
      const listed = Effect.map(run("ps", "-axo", "args"), ({ stdout }) => stdout.includes(`sleep ${mark}`))
      const patience = Schedule.spaced("20 millis").pipe(Schedule.upTo("10 seconds"))
      yield* Effect.repeat(listed, { while: (alive) => alive, schedule: patience })
      assert.isFalse(yield* listed)
    })
  )

  it.effect("launches a process in a session of its own", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const { pid } = yield* transport.launch({ argv: ["sleep", "30"], env })
      assert.strictEqual(processesHere()?.find(pid)?.session, pid)
      process.kill(pid, "SIGKILL")
      yield* until("it is gone", () => processesHere()?.find(pid) === undefined)
    })
  )
})
