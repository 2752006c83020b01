import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { CancelView } from "../src/domain/TaskView.js"
import { skewedClock } from "./chaos/Clock.js"
import { kill, supervisors } from "./support/CrashScene.js"
import { living, sessionsOf, threeDeaf, threeOf } from "./support/FamilyTree.js"
import { callOf, greeted } from "./support/RawServer.js"
import { place, processesNaming } from "./support/Server.js"
import { note } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

const graceSeconds = 0.5
const config = Bench.workbench({ graceSeconds })

const decode = Schema.decodeUnknownSync(CancelView)

describe.concurrent("the cancel of a tree with three grandchildren deaf to SIGTERM, one of which left the session", () => {
  for (const [killed, minutes] of [
    ["nothing", 0],
    ["the server", 0],
    ["the supervisor", 0],
    // The times of files are the machine's, whatever the server takes for the time.
    ["the supervisor", -10],
    ["the supervisor", 10]
  ] as const) {
    it.scopedLive(
      `answers only when all are dead, ${killed} being killed before, by a clock ${minutes} minutes ahead`,
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const start = { config, env: { NODE_OPTIONS: skewedClock(at, minutes * 60_000).option } }
          const first = yield* greeted(at, start)
          const task_id = yield* Bench.dispatched(callOf(first), threeDeaf(at))
          const three = yield* threeOf(at)
          assert.strictEqual(sessionsOf(three), 2)
          yield* Bench.running(callOf(first), task_id)
          if (killed === "the server") yield* Effect.zipRight(first.signal("SIGKILL"), first.ended)
          const server = killed === "the server" ? yield* greeted(at, start) : first
          assert.deepStrictEqual(living(three), three)
          if (killed === "the supervisor") for (const pid of supervisors(at)) kill(pid)
          const from = performance.now()
          // An answer in time may be that it is not confirmed yet.
          const { text, value } = yield* Effect.repeat(callOf(server)("cancel_task", { task_id }), {
            while: (answer) => answer.text.includes("cancel.unconfirmed")
          })
          // Looked at in the same instant: an answer that came before the last of them died would be seen.
          assert.deepStrictEqual(living(three), [])
          assert.deepStrictEqual(processesNaming(`AGENTDISPATCH_TASK_ID=${task_id}`), [])
          if (killed === "the supervisor") assert.match(text, /"cancelled"|"failed"|"worker\.lost"|task\.terminal/)
          else assert.strictEqual(decode(value).status, "cancelled")
          const took = Math.round(performance.now() - from)
          yield* note(
            `cancel of a deaf tree, ${killed} killed before, clock ${minutes} min ahead: ${took} ms with a grace of ${graceSeconds * 1000} ms`
          )
        }),
      60_000
    )
  }
})
