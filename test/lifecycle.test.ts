import { assert, describe, it } from "@effect/vitest"
import { isTerminal, step, table, TaskStatus, Transition } from "../src/domain/Lifecycle.js"
import { TaskEventType } from "../src/domain/TaskEvent.js"

const statuses = TaskStatus.literals
const transitions = Transition.literals

interface Move {
  readonly from: TaskStatus
  readonly transition: Transition
  readonly to: TaskStatus
}

const movesFrom = (from: TaskStatus): ReadonlyArray<Move> =>
  transitions.flatMap((transition) => {
    const taken = step(from, transition)
    return "to" in taken ? [{ from, transition, to: taken.to }] : []
  })

/** Every path from the beginning that takes no move twice. */
const paths = (from: TaskStatus = "queued", walked: ReadonlyArray<Move> = []): ReadonlyArray<ReadonlyArray<Move>> => [
  walked,
  ...movesFrom(from)
    .filter((move) => !walked.some((other) => other.from === move.from && other.transition === move.transition))
    .flatMap((move) => paths(move.to, [...walked, move]))
]

const all = paths()
const endOf = (path: ReadonlyArray<Move>): TaskStatus => path.at(-1)?.to ?? "queued"
const visited = (path: ReadonlyArray<Move>): ReadonlyArray<TaskStatus> => ["queued", ...path.map((move) => move.to)]
const spelled = (path: ReadonlyArray<Move>) => visited(path).join(" > ")

describe("Lifecycle", () => {
  it("walks many paths, so what follows says something", () => {
    assert.isAbove(all.length, 50)
  })

  it("answers every transition in every status", () => {
    for (const status of statuses) {
      assert.deepStrictEqual(Object.keys(table[status]).toSorted(), [...transitions].toSorted(), status)
    }
    assert.deepStrictEqual(Object.keys(table).toSorted(), [...statuses].toSorted())
  })

  it("reaches exactly the statuses of the contract and the one that waits for an answer", () => {
    const reached = new Set(all.flatMap(visited))
    const contract =
      "queued provisioning starting running input_required completing succeeded cancelling cancelled failed"
    assert.deepStrictEqual([...reached].toSorted(), contract.split(" ").toSorted())
  })

  it("announces every move with an event that the journal knows", () => {
    for (const status of statuses) {
      for (const transition of transitions) {
        const taken = step(status, transition)
        if ("to" in taken) assert.include(TaskEventType.literals, taken.event, `${status} ${transition}`)
      }
    }
  })

  it("never leaves a terminal status", () => {
    for (const status of statuses.filter(isTerminal)) assert.deepStrictEqual(movesFrom(status), [], status)
    assert.deepStrictEqual(statuses.filter(isTerminal), ["succeeded", "failed", "cancelled"])
  })

  it("can end from everywhere: no status is a trap", () => {
    const ends = new Set<TaskStatus>(statuses.filter(isTerminal))
    for (const _ of statuses) {
      for (const status of statuses) if (movesFrom(status).some((move) => ends.has(move.to))) ends.add(status)
    }
    assert.deepStrictEqual([...ends].toSorted(), [...statuses].toSorted())
  })

  it("has an answer to cancel in every status: a way to cancelled, or that the end is near or here", () => {
    for (const status of statuses) {
      const taken = step(status, "cancel")
      if ("refused" in taken) assert.include(["already finished", "already finishing"], taken.refused, status)
      else if ("to" in taken) assert.include(["cancelling", "cancelled"], taken.to, status)
      else assert.include(["cancelling", "cancelled"], status)
    }
  })

  it("lets a task that never ran be cancelled at once and any other only after its stop was confirmed", () => {
    for (const path of all.filter((walked) => endOf(walked) === "cancelled")) {
      const last = path.at(-1)
      if (last?.from === "queued") assert.strictEqual(last.transition, "cancel")
      else assert.deepStrictEqual([last?.from, last?.transition], ["cancelling", "stopped"], spelled(path))
    }
  })

  it("reaches succeeded only through completing, where the outcome is on disk", () => {
    const succeeded = all.filter((path) => endOf(path) === "succeeded")
    assert.isAbove(succeeded.length, 0)
    for (const path of succeeded) assert.strictEqual(path.at(-1)?.from, "completing", spelled(path))
  })

  it("ends completing as succeeded or failed and nothing else", () => {
    assert.deepStrictEqual(
      movesFrom("completing")
        .map((move) => move.to)
        .toSorted(),
      ["failed", "succeeded"]
    )
  })

  it("runs nothing any more once somebody wants it cancelled", () => {
    for (const path of all) {
      const wish = path.findIndex((move) => move.transition === "cancel")
      const later = wish < 0 ? [] : path.slice(wish + 1).map((move) => move.transition)
      for (const transition of ["provision", "start", "retry", "run"] as const) {
        assert.notInclude(later, transition, spelled(path))
      }
    }
  })

  it("writes the intent to start before anything can run", () => {
    for (const path of all.filter((walked) => visited(walked).includes("running"))) {
      const first = path.findIndex((move) => move.to === "running")
      assert.isTrue(
        path.slice(0, first).some((move) => move.to === "starting"),
        spelled(path)
      )
    }
  })
})
