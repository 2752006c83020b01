import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { emulator, sessionIdOf } from "../support/AgentCoreWork.js"
import { signed } from "../support/CrashScene.js"
import { codeOf, journalled } from "../support/CrashVerdict.js"
import { eventually, type Place, processesNaming } from "../support/Server.js"
import type { Row, Rows } from "../support/TaskRows.js"
import type { Told } from "./Callers.js"
import { named } from "./Labour.js"

const settled = (rows: Rows) =>
  eventually(Effect.map(rows.unsettled, (count) => (count === 0 ? true : undefined))).pipe(
    Effect.timeoutFail({ duration: "60 seconds", onTimeout: () => "unsettled" }),
    Effect.catchAll(() =>
      Effect.flatMap(rows.tasks, (tasks) =>
        Effect.dieMessage(`not over: ${JSON.stringify(tasks.filter((task) => task.settled === 0))}`)
      )
    )
  )

/** Waits for the end of everything and judges it; only the server `last` may be left. */
export const verdict = (at: Place, rows: Rows, told: Told, last: number) =>
  Effect.gen(function* () {
    yield* settled(rows)
    const tasks = yield* rows.tasks
    const known = new Set(tasks.map(({ id }) => id))
    for (const [key, ids] of told.ids) {
      assert.strictEqual(ids.size, 1, `${key} was answered ${[...ids].join(", ")}`)
      for (const id of ids) assert.isTrue(known.has(id), `${key} was answered ${id}, which is nowhere`)
    }
    assert.strictEqual(tasks.length, told.ids.size, "a key made more than one task")
    const judged = yield* Effect.forEach(tasks, (task) => judge(at, rows, task, told))
    yield* eventually(
      Effect.sync(() => (processesNaming(at.folder).every((pid) => pid === last) ? true : undefined))
    ).pipe(
      Effect.timeout("15 seconds"),
      Effect.catchAll(() => Effect.dieMessage(`alive: ${processesNaming(at.folder).join(", ")}`))
    )
    const sessions = new Set(tasks.map(({ id }) => sessionIdOf(id)))
    const paid = () => emulator.ledgers.live().filter(({ sessionId }) => sessions.has(sessionId))
    yield* eventually(Effect.sync(() => (paid().length === 0 ? true : undefined))).pipe(
      Effect.timeoutOption("15 seconds")
    )
    const owners = paid().map(({ sessionId }) => tasks.find(({ id }) => sessionIdOf(id) === sessionId))
    assert.deepStrictEqual(owners, [], "a session is still being paid for")
    assert.deepStrictEqual(yield* rows.integrity, [{ integrity_check: "ok" }])
    return judged
  })

const judge = (at: Place, rows: Rows, task: Row, told: Told) =>
  Effect.gen(function* () {
    const code = codeOf(task)
    const [begun, ended] = [signed(at, "begin", task.id), signed(at, "end", task.id)]
    const { told: story } = yield* journalled(rows, task)
    assert.isAtMost(begun, 1, `it ran twice: ${story}`)
    if (task.status === "succeeded") assert.deepStrictEqual([begun, ended], [1, 1], story)
    if (task.status === "failed") assert.isTrue(named.has(code ?? ""), `${story} ${task.error}`)
    if (told.cancelled.has(task.id)) assert.strictEqual(task.status, "cancelled", story)
    return { id: task.id, status: task.status, code, begun }
  })
