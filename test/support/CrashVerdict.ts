import { assert } from "@effect/vitest"
import { Effect, Schema, type Scope } from "effect"
import { isTerminal } from "../../src/domain/Lifecycle.js"
import { TaskError } from "../../src/domain/Task.js"
import { sight, signed, steps } from "./CrashScene.js"
import { eventually, type Place, processesNaming } from "./Server.js"
import { isOver, type Row, type Rows } from "./TaskRows.js"

const decodeError = Schema.decodeUnknownSync(Schema.parseJson(TaskError))

/** The errors in which work may end whose supervisor was killed. */
export const named: ReadonlySet<string> = new Set(["worker.lost", "start.indeterminate"])

/** Waits until every task is over and cleaned up; the processes of a task are gone the moment its status is final. */
export const allOver = (rows: Rows) =>
  eventually(
    Effect.map(rows.tasks, (tasks) => {
      for (const { id, status } of tasks) {
        if (isTerminal(status)) assert.deepStrictEqual(processesNaming(`AGENTDISPATCH_TASK_ID=${id}`), [], status)
      }
      return tasks.every(isOver) ? tasks : undefined
    })
  ).pipe(
    Effect.timeout("60 seconds"),
    Effect.catchAll(() =>
      Effect.flatMap(rows.tasks, (tasks) =>
        Effect.dieMessage(`not over: ${JSON.stringify(tasks.filter((task) => !isOver(task)))}`)
      )
    )
  )

/** Dispatches a few tasks, again and again where a step was too short to be seen, until it is seen. */
export const chased = <A>(
  seen: Effect.Effect<A | undefined>,
  dispatch: Effect.Effect<void, never, Scope.Scope>,
  rows: Rows
) =>
  Effect.gen(function* () {
    for (let round = 1; round <= rounds; round++) {
      yield* Effect.forkScoped(dispatch)
      const before = (yield* rows.tasks).length
      const over = eventually(
        Effect.map(rows.tasks, (tasks) =>
          tasks.length > before && tasks.every(isOver) ? ("over" as const) : undefined
        )
      )
      const found = yield* Effect.raceFirst(
        Effect.map(sight(seen), (value) => ({ value })),
        over
      )
      if (found !== "over") return found.value
    }
    return assert.fail(`not seen in ${rounds} rounds`)
  })

const rounds = 12

export const codeOf = ({ error }: Row): string | undefined => (error === null ? undefined : decodeError(error).code)

/** Checks the journal of a task that is over: whole, in order, and with one end. */
export const journalled = (rows: Rows, task: Row) =>
  Effect.gen(function* () {
    const code = codeOf(task)
    const events = yield* rows.events(task.id)
    const log = yield* rows.log(task.id)
    const told = `${task.id} ${task.status} ${code ?? ""} ${events.map(({ type }) => type).join(" ")}`
    assert.deepStrictEqual(
      events.map(({ number }) => number),
      Array.from({ length: task.event_count }, (_, index) => index + 1),
      told
    )
    assert.strictEqual(events.filter(({ type }) => final.has(type)).length, 1, told)
    assert.strictEqual(events.at(-1)?.type, `task.${task.status}`, told)
    assert.strictEqual(task.log_length, log.length, told)
    return { events, log, told }
  })

/** Checks one task that is over: it ran once and whole, or it ended with a name and at most once begun. */
export const judge = (at: Place, rows: Rows, task: Row) =>
  Effect.gen(function* () {
    const begun = signed(at, "begin", task.id)
    const code = codeOf(task)
    const { events, log, told } = yield* journalled(rows, task)
    const progress = events.flatMap(({ type, message }) =>
      type === "task.progress" && message?.startsWith("Attempt ") !== true ? [message] : []
    )
    const lines = log.split("\n").slice(0, -1)
    assert.isAtMost(begun, 1, told)
    if (task.status === "succeeded") {
      assert.strictEqual(begun, 1, told)
      assert.strictEqual(signed(at, "end", task.id), 1, told)
      assert.deepStrictEqual(progress, steps, told)
      assert.deepStrictEqual(lines, saidIn(steps), told)
    } else {
      assert.deepStrictEqual(progress, steps.slice(0, progress.length), told)
      assert.deepStrictEqual(lines, saidIn(steps).slice(0, lines.length), told)
    }
    return { id: task.id, status: task.status, code, begun }
  })

const saidIn = (some: ReadonlyArray<string>) => some.map((step) => `line ${step}`)

const final: ReadonlySet<string> = new Set(["task.succeeded", "task.failed", "task.cancelled"])

/** Waits for the end of all tasks and judges each; nothing but the servers that are named may be left. */
export const verdict = (at: Place, rows: Rows, servers: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const tasks = yield* allOver(rows)
    const judged = yield* Effect.forEach(tasks, (task) => judge(at, rows, task))
    yield* eventually(
      Effect.sync(() => (processesNaming(at.folder).every((pid) => servers.includes(pid)) ? true : undefined))
    )
    assert.deepStrictEqual(yield* rows.integrity, [{ integrity_check: "ok" }])
    return judged
  })

/** How many ended how, for a person to read. */
export const tally = (
  judged: ReadonlyArray<{ readonly status: string; readonly code: string | undefined }>
): string => {
  const counts = new Map<string, number>()
  for (const { code, status } of judged) {
    const name = code === undefined ? status : `${status} (${code})`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ")
}
