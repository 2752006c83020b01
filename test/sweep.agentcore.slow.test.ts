import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { resourceNameOf } from "../adapters/aws-agentcore/Plan.js"
import * as Sqlite from "../src/drivers/Sqlite.js"
import type { NewFault } from "./emulators/agentcore/Faults.js"
import { alive, emulator, image, sessionIdOf } from "./support/AgentCoreWork.js"
import { type Desk, deskWith } from "./support/cli.js"
import { eventually } from "./support/Server.js"
import { SweepReport } from "./support/SweepReport.js"

const config = {
  accounts: { dev: { provider: "aws", region: "us-east-1", credentialSource: "aws-sdk-default" } },
  backends: {
    made: {
      adapter: "aws-agentcore",
      account: "dev",
      details: {
        endpoint: emulator.url,
        ecrImageUri: image,
        executionRoleArn: "arn:aws:iam::123456789012:role/agent",
        worker: "dispatch/1"
      }
    }
  },
  runtimes: {
    made: {
      provider: "aws",
      account: "dev",
      capability: "agent-runtime",
      backend: "made",
      target: { mode: "runtime" }
    }
  },
  defaults: { runtime: "made" }
}

let keys = 0

/** A desk whose calls can be told from those of others by their access key. */
const clouded = Effect.gen(function* () {
  const accessKeyId = `AKIDSWEEP${(keys += 1)}`
  const at = yield* deskWith({
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: "not-a-secret",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true"
  })
  writeFileSync(join(at.folder, "c.json"), JSON.stringify(config))
  const calls = (op: RegExp) =>
    emulator.ledgers.invocations.filter((call) => call.accessKeyId === accessKeyId && op.test(call.op)).length
  const fault = (op: string, kind: NewFault["kind"], times: number) =>
    Effect.sync(() => void emulator.control.addFault({ op, kind, times, match: { accessKeyId } }))
  return { at, calls, fault }
})

const doctor = ({ run }: Desk, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(run("doctor", "--config", "c.json", "--json", ...args), ({ code, stdout }) =>
    Effect.map(Schema.decode(SweepReport)(stdout), (report) => ({ code, ...report }))
  )

const told = (report: typeof SweepReport.Type) =>
  report.sweep.map(({ kind, outcome = "seen", taskId = "" }) => `${kind} ${outcome} ${taskId}`.trim())

const changing = /^(Delete|Stop|Create|Update)/
const names = () => emulator.control.runtimes().map(({ name }) => name)

/** Work that goes on in a machine that is paid for, and the command line that waits for it. */
const working = Effect.fnUntraced(function* (at: Desk) {
  const before = new Set(names())
  const running = yield* at.start("run", "--config", "c.json", "--wait", "--instruction", "sleep 600")
  const name = yield* eventually(
    Effect.sync(() => names().find((found) => found.startsWith("adp_") && !before.has(found)))
  )
  const { stdout } = yield* at.run("list", "--json", "--limit", "100")
  const id =
    [...stdout.matchAll(/task_[0-9a-z]{26}/g)]
      .map(([found]) => found)
      .find((found) => resourceNameOf(found) === name) ?? assert.fail(stdout)
  yield* eventually(Effect.sync(() => (alive(id) ? true : undefined)))
  return { id, name, running }
})

/** As a database says of a task whose cleaning up was believed to be over. */
const believedGone = (at: Desk, id: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* SqlClient
      yield* sql`UPDATE resources SET state = 'gone' WHERE task = (SELECT seq FROM tasks WHERE id = ${id})`
      yield* sql`UPDATE tasks SET status = 'failed', settled = 1, owner = NULL WHERE id = ${id}`
    }).pipe(Effect.provide(Sqlite.layer(join(at.folder, "state"))))
  )

describe("agentdispatch doctor, of an AWS account", () => {
  it.scopedLive(
    "shows a runtime that outlived its task, and --reap ends it and what it costs, at the second try after an outage",
    () =>
      Effect.gen(function* () {
        const { at, calls, fault } = yield* clouded
        const left = yield* working(at)
        const living = yield* working(at)
        const stranger = emulator.control.createRuntime({ agentRuntimeName: "adp_0123456789ab", containerUri: image })
        yield* left.running.kill("SIGKILL")
        yield* left.running.ended
        yield* believedGone(at, left.id)
        const found = `aws.agentcore.runtime seen ${left.id}`

        const changed = calls(changing)
        assert.deepStrictEqual(told(yield* doctor(at)), [], "nobody is asked without being told to")
        const shown = yield* doctor(at, "--aws-live")
        assert.deepStrictEqual(told(shown), [found])
        assert.include(shown.sweep[0]?.what, left.name)
        assert.isTrue(alive(left.id))

        yield* fault("ListAgentRuntimes", "throttling", 5)
        const unasked = yield* doctor(at, "--reap")
        assert.deepStrictEqual(told(unasked), ["adapter.unasked seen"])
        assert.strictEqual(calls(changing) - changed, 0, "all that was looking")

        for (const [op, kind] of [
          ["StopRuntimeSession", "throttling"],
          ["DeleteAgentRuntimeEndpoint", "internal-error"],
          ["DeleteAgentRuntime", "service-unavailable"]
        ] as const) {
          yield* fault(op, kind, 5)
          const failed = yield* doctor(at, "--reap")
          assert.deepStrictEqual(
            [failed.code, failed.ok, told(failed)],
            [1, false, [found.replace("seen", "failed")]],
            op
          )
          assert.match(failed.sweep[0]?.detail ?? "", new RegExp(`aws.agentcore.*${left.id}`), op)
          assert.include(names(), left.name)
        }
        assert.isFalse(alive(left.id), "the machine is ended first")

        const reaped = yield* doctor(at, "--reap")
        assert.deepStrictEqual([reaped.code, reaped.ok, told(reaped)], [0, true, [found.replace("seen", "done")]])
        assert.notInclude(names(), left.name)
        const bills = emulator.ledgers.billing().filter(({ sessionId }) => sessionId === sessionIdOf(left.id))
        assert.deepStrictEqual(
          bills.map(({ live }) => live),
          [false]
        )
        assert.deepStrictEqual([alive(living.id), names().includes(living.name)], [true, true])
        assert.include(
          emulator.control.runtimes().map(({ arn }) => arn),
          stranger.arn
        )
        const { stdout } = yield* at.run("logs", left.id)
        assert.match(stdout, new RegExp(`Swept: the AgentCore runtime ${left.name}`))

        const after = calls(changing)
        assert.deepStrictEqual(told(yield* doctor(at, "--reap")), [])
        assert.strictEqual(calls(changing) - after, 0)
        yield* living.running.kill("SIGKILL")
      }),
    120_000
  )

  it.scopedLive(
    "finds a runtime of the same name that a late request made after the first was deleted",
    () =>
      Effect.gen(function* () {
        const { at } = yield* clouded
        const { id, name, running } = yield* working(at)
        yield* at.run("cancel", id)
        yield* running.ended
        yield* eventually(Effect.sync(() => (names().includes(name) ? undefined : true)))
        yield* believedGone(at, id)
        emulator.control.createRuntime({ agentRuntimeName: name, containerUri: image })
        assert.deepStrictEqual(told(yield* doctor(at, "--reap")), [`aws.agentcore.runtime done ${id}`])
        assert.notInclude(names(), name)
      }),
    60_000
  )
})
