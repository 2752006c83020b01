import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck, Schema } from "effect"
import { admit, countsOf, type Line, lineOf, readLine } from "../src/domain/Admission.js"
import { Concurrency, mostOf } from "../src/domain/Concurrency.js"
import { inOrder } from "../src/domain/Fanout.js"
import { someRequest } from "./support/SomeTask.js"

const keys = ["all", "backend:desk", "backend:cloud", "runtime:a", "principal:user:ann"] as const

const SomeLine = Schema.Struct({
  priority: Schema.Literal(-1, 0, 1),
  share: Schema.Literal("ann", "bob", "fan-out"),
  keys: Schema.Array(Schema.Literal(...keys)).pipe(Schema.maxItems(3))
})

const scenes = FastCheck.record({
  lines: FastCheck.array(
    FastCheck.record({ line: Arbitrary.make(SomeLine), tasks: FastCheck.integer({ min: 0, max: 5 }) }),
    { maxLength: 6 }
  ),
  before: FastCheck.array(FastCheck.tuple(Arbitrary.make(SomeLine), FastCheck.integer({ min: 0, max: 4 })), {
    maxLength: 3
  }),
  limits: FastCheck.dictionary(FastCheck.constantFrom(...keys), FastCheck.integer({ min: 0, max: 6 })),
  room: FastCheck.integer({ min: 0, max: 12 })
})

/** Lines with their tasks numbered in the order they came. */
const numbered = (lines: ReadonlyArray<{ readonly line: Line; readonly tasks: number }>) => {
  let last = 0
  return lines.map(({ line, tasks }) => ({
    line,
    waiting: Array.from({ length: tasks }, () => {
      last += 1
      return { seq: last, request: someRequest(), task: { seq: last, line } }
    })
  }))
}

const distinct = (names: ReadonlyArray<string>) => [...new Set(names)]

describe("who leaves the queue", () => {
  it("never lets more out than any limit or the room allows, each task once, in order within its line", () => {
    FastCheck.assert(
      FastCheck.property(scenes, ({ before, limits, lines, room }) => {
        const unique = lines.map(({ line, tasks }) => ({ line: { ...line, keys: distinct(line.keys) }, tasks }))
        const counts = countsOf(before.map(([line, tasks]) => [{ ...line, keys: distinct(line.keys) }, tasks]))
        const most = (key: string) => (Object.hasOwn(limits, key) ? limits[key] : undefined)
        const admitted = admit(numbered(unique), counts, { most, capacity: () => Infinity }, room)
        assert.isAtMost(admitted.length, room)
        assert.strictEqual(new Set(admitted).size, admitted.length)
        for (const key of keys) {
          const started = admitted.filter(({ line }) => line.keys.includes(key)).length
          if (started > 0) assert.isAtMost(started + (counts.keys.get(key) ?? 0), most(key) ?? Infinity, key)
        }
        for (const { line } of admitted) {
          const own = admitted.filter((other) => other.line === line).map(({ seq }) => seq)
          assert.deepStrictEqual(
            own,
            own.toSorted((one, other) => one - other)
          )
        }
      })
    )
  })

  it("leaves nobody behind who fits: what stays has no room left for it", () => {
    FastCheck.assert(
      FastCheck.property(scenes, ({ lines, limits }) => {
        const unique = lines.map(({ line, tasks }) => ({ line: { ...line, keys: distinct(line.keys) }, tasks }))
        const most = (key: string) => (Object.hasOwn(limits, key) ? limits[key] : undefined)
        const waiting = numbered(unique)
        const admitted = admit(waiting, countsOf([]), { most, capacity: () => Infinity }, 1_000)
        const after = countsOf(admitted.map(({ line }) => [line, 1]))
        for (const { line, waiting: queue } of waiting) {
          if (queue.every(({ task }) => admitted.includes(task))) continue
          assert.isTrue(line.keys.some((key) => (after.keys.get(key) ?? 0) >= (most(key) ?? Infinity)))
        }
      })
    )
  })

  const inLine = (share: string, priority = 0): Line => ({ priority, share, keys: ["all"] })
  const names = (lines: ReadonlyArray<readonly [Line, number]>, room: number, before = countsOf([])) =>
    admit(
      numbered(lines.map(([line, tasks]) => ({ line, tasks }))),
      before,
      { most: () => undefined, capacity: () => Infinity },
      room
    ).map(({ line }) => line.share)

  it("lets higher priorities out first, and shares of one priority by turns", () => {
    assert.deepStrictEqual(
      names(
        [
          [inLine("fan-out"), 4],
          [inLine("ann"), 2],
          [inLine("urgent", 5), 1]
        ],
        6
      ),
      ["urgent", "fan-out", "ann", "fan-out", "ann", "fan-out"]
    )
    assert.deepStrictEqual(
      names(
        [
          [inLine("busy"), 2],
          [inLine("idle"), 2]
        ],
        3,
        countsOf([[inLine("busy"), 2]])
      ),
      ["idle", "idle", "busy"]
    )
  })

  it("spells a task's line so that it can be read again", () => {
    const task = {
      principal: "user:ann",
      lineage: { group: "group_1" },
      request: someRequest({ runtime: 'odd:"name"', terms: { priority: 3 } })
    }
    assert.deepStrictEqual(readLine(lineOf(task)), {
      priority: 3,
      share: "user:ann group_1",
      keys: ["all", "account:here", "backend:desk", 'runtime:odd:"name"', "principal:user:ann"]
    })
    assert.include(readLine(lineOf({ ...task, host: "one" })).keys, "room:desk one")
    assert.deepStrictEqual(readLine("no line at all").keys, [])
  })

  it("reads a limit by its name, or by * for those that are not named", () => {
    const concurrency = Schema.decodeSync(Concurrency)({
      all: 9,
      backends: { desk: 2, "*": 4 },
      principals: { "user:ann": 0 }
    })
    const most = mostOf(concurrency)
    assert.deepStrictEqual(
      [
        "all",
        "backend:desk",
        "backend:cloud",
        "principal:user:ann",
        "principal:user:bob",
        "lane:a/b",
        "backend:toString"
      ].map(most),
      [9, 2, 4, 0, undefined, undefined, 4]
    )
  })
})

describe("the order of a fan-out", () => {
  const item = (key: string, ...dependsOn: ReadonlyArray<string>) => ({ key, dependsOn, call: key })

  it("puts each item behind those it depends on, keeping the rest in place", () => {
    const ordered = Either.getOrThrow(inOrder([item("ship", "test", "build"), item("build"), item("test", "build")]))
    assert.deepStrictEqual(
      ordered.map(({ key }) => key),
      ["build", "test", "ship"]
    )
  })

  it("refuses circles, repeated keys, nothing and too much, each by name", () => {
    const problem = (items: ReadonlyArray<ReturnType<typeof item>>) =>
      Either.match(inOrder(items), { onLeft: ({ message }) => message, onRight: () => "accepted" })
    assert.include(problem([item("a", "c"), item("b", "a"), item("c", "b")]), "a → c → b → a")
    assert.include(problem([item("a", "a")]), "a → a")
    assert.include(problem([item("a"), item("a")]), 'items[1].key: "a"')
    assert.include(problem([]), "1 to 50")
    assert.include(problem(Array.from({ length: 51 }, (_, n) => item(String(n)))), "got 51")
  })
})
