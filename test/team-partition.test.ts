import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { asked } from "./support/HttpServer.js"
import { cluster } from "./support/Postgres.js"
import { clientAt } from "./support/PostgresStore.js"
import { type Proxy, proxy } from "./support/Proxy.js"
import { eventually, refusalOf } from "./support/Server.js"
import { type Machine, machine } from "./support/Team.js"
import { dispatched, onceEach, teamConfig, teamRows, tried } from "./support/TeamBench.js"
import { teamCloud } from "./support/TeamCloud.js"
import { note } from "./support/TaskRows.js"

const { database } = cluster()

/** What a caller waits at most for a database that does not answer, in seconds; a third of what it usually is. */
const waitSeconds = 5

/** A machine with ways of its own to the database and for the others to it. */
interface Cut {
  readonly one: Machine
  readonly toDatabase: Proxy
  readonly toPeers: Proxy | undefined
}

const through = (url: string, { port }: Proxy) => {
  const there = new URL(url)
  there.port = String(port)
  return there.href
}

const connectedBy = (url: string, cloud: string, isClustered: boolean) =>
  Effect.gen(function* () {
    const toDatabase = yield* proxy
    toDatabase.to(url)
    const config = teamConfig(through(url, toDatabase), cloud, { maxConnections: 5, waitSeconds })
    if (!isClustered) return { one: yield* machine(config), toDatabase, toPeers: undefined }
    const toPeers = yield* proxy
    const { port } = toPeers
    toPeers.to(`http://127.0.0.2:${port}`)
    const clustered = { ...config, cluster: { host: "127.0.0.1", port, listen: "127.0.0.2" } }
    return { one: yield* machine(clustered), toDatabase, toPeers }
  })

/** No byte passes, and nothing says so. */
const hole = {
  name: "a black hole",
  begin: (line: Proxy | undefined) => line?.stall(true),
  end: (line: Proxy | undefined) => line?.stall(false)
}
const cutting = {
  name: "a cut",
  begin: (line: Proxy | undefined) => {
    line?.refuse(true)
    line?.cut()
  },
  end: (line: Proxy | undefined) => line?.refuse(false)
}

const seconds = (from: number) => (performance.now() - from) / 1_000
const figure = (value: number) => `${value.toFixed(1)} s`

describe.each([
  { name: "leases", clustered: false },
  // The runners need a second address on this machine, which other systems do not have by themselves.
  ...(process.platform === "linux" ? [{ name: "the cluster", clustered: true }] : [])
])("a server of a team that is cut off, with $name", ({ clustered, name }) => {
  it.scopedLive(
    "starts nothing, answers its callers, is replaced, and works again by itself",
    () =>
      Effect.gen(function* () {
        const cloud = yield* teamCloud(1_500)
        const url = yield* database
        const another = connectedBy(url, cloud.url, clustered)
        const members = yield* Effect.all([another, another, another])
        const team = members.map(({ one }) => one)
        yield* Effect.forEach(team, ({ begin }) => begin, { concurrency: 3 })
        const db = yield* Layer.build(clientAt(url))
        const rows = Effect.provide(teamRows, db)

        const ids = new Set<string>()
        const feed = { next: 0, over: false }
        const feeder = Effect.gen(function* () {
          while (!feed.over) {
            ids.add(yield* dispatched(team, feed.next++))
            yield* Effect.sleep("600 millis")
          }
        })
        const feeders = yield* Effect.fork(
          Effect.all(
            Array.from({ length: 8 }, () => feeder),
            { concurrency: 8 }
          )
        )

        const begunBy = (key: string, after: number) =>
          cloud.beginnings.filter((beginning) => beginning.key === key && beginning.at > after)
        const heldBy = (key: string) =>
          Effect.map(rows, (seen) => {
            const begun = new Set(begunBy(key, 0).map(({ taskId }) => taskId))
            return seen.filter(({ id, settled }) => settled === 0 && begun.has(id))
          })

        const struck = ({ one, toDatabase, toPeers }: Cut, way: typeof hole, peersToo: boolean) =>
          Effect.gen(function* () {
            const key = one.key()
            yield* eventually(Effect.map(heldBy(key), (held) => (held.length > 2 ? held : undefined)))
            const lines = peersToo ? [toDatabase, toPeers] : [toDatabase]
            lines.forEach(way.begin)
            const at = performance.now()
            const held = yield* heldBy(key)
            const replaced = yield* Effect.fork(
              Effect.as(
                eventually(
                  Effect.map(rows, (seen) => {
                    const now = new Map(seen.map((row) => [row.id, row]))
                    const isTaken = ({ epoch, id }: (typeof held)[number]) =>
                      (now.get(id)?.epoch ?? 0) > epoch || now.get(id)?.settled === 1
                    return held.every(isTaken) ? true : undefined
                  })
                ),
                undefined
              ).pipe(Effect.map(() => seconds(at)))
            )
            const answers = yield* Effect.forEach(
              Array.from({ length: 12 }, (_, index) => index % 2 === 0),
              (keyed) =>
                Effect.map(
                  one.call("spawn_cloud_agent", {
                    runtime: "cloud",
                    instruction: "x",
                    ...(keyed ? { idempotency_key: "x" } : {})
                  }),
                  Option.map((answer) => ({ answer, keyed, after: seconds(at) }))
                ),
              { concurrency: 12 }
            )
            const slowest = Math.max(...answers.map(Option.match({ onNone: () => Infinity, onSome: (a) => a.after })))
            for (const { answer, keyed } of answers.flatMap(Option.toArray)) {
              assert.match(refusalOf(answer), /^store\.unreachable: .*try again/)
              assert.include(answer.text, `"retryable":${keyed}`)
              assert.strictEqual(/accepted as task_[0-9a-z]{26} all the same/.test(answer.text), !keyed)
            }
            assert.isBelow(slowest, waitSeconds + 4)
            assert.strictEqual((yield* asked(one.at("/readyz"))).status, 503)
            const taken = yield* Fiber.join(replaced)
            // Long enough for what it believed to own to be somebody else's.
            yield* eventually(Effect.sync(() => (seconds(at) > 7 ? true : undefined)))
            // What it had written before may still have been on its way.
            assert.deepStrictEqual(begunBy(key, at + 2_500), [])
            lines.forEach(way.end)
            const healed = performance.now()
            yield* eventually(
              Effect.map(tried(one, `after ${way.name}`), (id) => {
                if (Option.isSome(id)) ids.add(id.value)
                return Option.getOrUndefined(id)
              })
            )
            const answering = seconds(healed)
            yield* eventually(Effect.sync(() => begunBy(key, healed)[0]))
            const working = seconds(healed)
            yield* note(
              `${name}, ${way.name}${peersToo ? " for database and peers" : ""}: ${held.length} tasks taken over after ${figure(taken)}, callers answered after ${figure(slowest)} at most, accepts again after ${figure(answering)} and claims after ${figure(working)}`
            )
            assert.isBelow(taken, 15)
            assert.isBelow(working, 20)
          })

        const [first, second] = members
        yield* struck(first, hole, false)
        yield* struck(second, cutting, clustered)
        if (clustered) {
          // The database is all they need: nobody hears of a task from another, and each looks by itself.
          members.forEach(({ toPeers }) => hole.begin(toPeers))
          const from = performance.now()
          const done = yield* Effect.forEach(members, ({ one }, index) => tried(one, `alone ${index}`))
          done.forEach((id) => Option.isSome(id) && ids.add(id.value))
          assert.lengthOf(done.flatMap(Option.toArray), 3)
          const wanted = new Set(done.flatMap(Option.toArray))
          yield* eventually(
            Effect.map(rows, (seen) =>
              seen.every(({ id, settled }) => settled === 1 || !wanted.has(id)) ? true : undefined
            )
          )
          yield* note(
            `${name}, peers that do not hear each other: tasks through each are over after ${figure(seconds(from))}`
          )
          members.forEach(({ toPeers }) => hole.end(toPeers))
        }
        feed.over = true
        yield* Fiber.join(feeders)
        yield* Effect.provide(onceEach(cloud, [...ids]), db)
      }),
    75_000
  )
})
