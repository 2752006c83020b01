import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Schema } from "effect"
import { processesHere } from "../adapters/local-process/supervisor/Processes.js"
import { Child, Claim } from "../adapters/local-process/Wire.js"
import * as Sqlite from "../src/drivers/Sqlite.js"
import { type Desk, desk } from "./support/cli.js"
import { SweepReport } from "./support/SweepReport.js"

const processes = processesHere() ?? assert.fail("these tests need Linux or macOS")

const path = "/usr/bin:/bin"
const stubborn = "trap '' TERM HUP INT; while :; do sleep 0.5; done"
const family = `export PATH=${path}; (${stubborn}) & setsid sh -c "${stubborn}" & ${stubborn}`

const config = (script: string) => ({
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: {
    desk: {
      adapter: "local-process",
      account: "here",
      details: { command: ["/bin/sh", "-c", script], env: ["PATH"], graceSeconds: 0.5 }
    }
  },
  runtimes: { work: { provider: "local", account: "here", capability: "agent-runtime", backend: "desk" } },
  defaults: { runtime: "work" }
})

const doctor = ({ run }: Desk, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(run("doctor", "--config", "c.json", "--json", ...args), ({ stdout }) =>
    Schema.decode(SweepReport)(stdout)
  )

const told = (report: typeof SweepReport.Type) => report.sweep.map(({ kind, outcome = "seen" }) => `${kind} ${outcome}`)

const configured = (script: string) =>
  Effect.tap(desk, ({ folder }) =>
    Effect.sync(() => {
      mkdirSync(join(folder, "bin"))
      writeFileSync(join(folder, "c.json"), JSON.stringify(config(script)))
    })
  )

/** A task that ended in order. */
const ended = Effect.fnUntraced(function* (at: Desk) {
  const { stdout } = yield* at.run("run", "--config", "c.json", "--wait", "--json", "--instruction", "go")
  return /task_[0-9a-z]{26}/.exec(stdout)?.[0] ?? assert.fail(stdout)
})

const folderOf = ({ folder }: Desk, id: string) => join(folder, "state", "local", id)

const identityOf = (pid: number) => {
  const { startTime } = processes.find(pid) ?? assert.fail(`${pid} does not run`)
  return { pid, startTime, lives: () => processes.find(pid)?.startTime === startTime }
}

/** A process of its own, ended with the test. */
const background = (script: string, env: NodeJS.ProcessEnv) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn("/bin/sh", ["-c", script], { detached: true, stdio: "ignore", env })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("agentdispatch doctor", () => {
  it.scopedLive(
    "shows what a killed supervisor left of an ended task, and --reap ends it for certain",
    () =>
      Effect.gen(function* () {
        const at = yield* configured(family)
        const running = yield* at.start("run", "--config", "c.json", "--wait", "--instruction", "go")
        const local = join(at.folder, "state", "local")
        const id = yield* until("a task folder", () => taskIn(local))
        const child = join(local, id, "child.json")
        const read = () =>
          existsSync(child) ? Schema.decodeSync(Schema.parseJson(Child))(readFileSync(child, "utf8")) : undefined
        const known = yield* until("the whole family", () => {
          const found = read()
          return found !== undefined && found.descendants.length >= 3 ? found : undefined
        })
        assert.deepStrictEqual(told(yield* doctor(at, "--reap")), [], "its task is under way")
        yield* running.kill("SIGKILL")
        const claim = Schema.decodeSync(Schema.parseJson(Claim))(readFileSync(join(local, id, "claim.json"), "utf8"))
        process.kill(claim.supervisor?.pid ?? assert.fail("void"), "SIGKILL")
        yield* settle(at, id)
        const alive = () =>
          [known.child, ...known.descendants].filter(
            ({ pid, startTime }) => processes.find(pid)?.startTime === startTime
          )
        assert.deepStrictEqual(told(yield* doctor(at)), ["local.processes seen"])
        assert.isAtLeast(alive().length, 3, "a look changes nothing")
        const reaped = yield* doctor(at, "--reap")
        assert.deepStrictEqual([reaped.ok, told(reaped)], [true, ["local.processes done"]])
        assert.deepStrictEqual(alive(), [])
        assert.isFalse(existsSync(join(local, id)))
        const { stdout } = yield* at.run("audit", "show", "--event", "sweep", "--json")
        assert.include(stdout, id)
      }),
    90_000
  )

  it.scopedLive(
    "ends what bears its marks though the folder is gone, and no stranger, not even with a number it knows",
    () =>
      Effect.gen(function* () {
        const at = yield* configured("true")
        const id = yield* ended(at)
        const mark = join(folderOf(at, id), "artifacts")
        const env = { PATH: path }
        const ours = identityOf((yield* background(stubborn, { ...env, AGENTDISPATCH_ARTIFACT_DIR: mark })).pid ?? 0)
        const others = [
          yield* background("exec sleep 60", env),
          yield* background("exec sleep 60", { ...env, AGENTDISPATCH_ARTIFACT_DIR: `/elsewhere${mark}` }),
          yield* background("exec sleep 60", { ...env, AGENTDISPATCH_TASK_ID: id })
        ].map(({ pid }) => identityOf(pid ?? 0))
        assert.deepStrictEqual(told(yield* doctor(at, "--reap")), ["local.processes done"])
        assert.isFalse(ours.lives())
        assert.deepStrictEqual(
          others.map(({ lives }) => lives()),
          [true, true, true]
        )

        const stranger = identityOf((yield* background("exec sleep 60", { PATH: path })).pid ?? 0)
        const { bootId } = processes
        const earlier = { pid: stranger.pid, startTime: "1", bootId }
        const rebooted = { pid: stranger.pid, startTime: stranger.startTime, bootId: "another boot" }
        const folder = folderOf(at, id)
        mkdirSync(folder, { recursive: true })
        writeFileSync(join(folder, "child.json"), JSON.stringify({ child: earlier, descendants: [earlier, rebooted] }))
        const claim = { token: "t".repeat(26), supervisor: rebooted, claimedAt: 0 }
        writeFileSync(join(folder, "claim.json"), JSON.stringify(claim))
        utimesSync(join(folder, "claim.json"), 1, 1)
        assert.deepStrictEqual(told(yield* doctor(at, "--reap")), ["local.folder done"])
        assert.isFalse(existsSync(folder))
        assert.isTrue(stranger.lives())
      }),
    90_000
  )
})

const taskIn = (folder: string): string | undefined =>
  existsSync(folder) ? readdirSync(folder).find((name) => name.startsWith("task_")) : undefined

/** Looks often until there is something; fails after 15 seconds. */
const until = <A>(what: string, look: () => A | undefined): Effect.Effect<A> =>
  Effect.sync(look).pipe(
    Effect.filterOrFail((found): found is NonNullable<typeof found> => found !== undefined),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeoutFail({ duration: "15 seconds", onTimeout: () => new Error(`never came: ${what}`) }),
    Effect.orDie
  )

/** As a database says of a task whose cleaning up was believed to be over. */
const settle = (at: Desk, id: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* SqlClient
      yield* sql`UPDATE tasks SET status = 'failed', settled = 1, owner = NULL WHERE id = ${id}`
    }).pipe(Effect.provide(Sqlite.layer(join(at.folder, "state"))))
  )
