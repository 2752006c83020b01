import { assert, describe, it } from "@effect/vitest"
import { Array as Arrays, Effect, Layer } from "effect"
import { cluster, freePort } from "./support/Postgres.js"
import { clientAt } from "./support/PostgresStore.js"
import { eventually, place, session } from "./support/Server.js"
import { callOf, type Machine, machine, signingWith } from "./support/Team.js"
import { onceEach, teamConfig, teamRows } from "./support/TeamBench.js"
import { teamCloud } from "./support/TeamCloud.js"
import { note } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

const { database } = cluster()

/** Whoever takes part, however it finds its tasks. */
interface Member {
  readonly key: string
  readonly call: Bench.Call
  readonly kill: Effect.Effect<void>
}

const served = (one: Machine): Member => ({ key: one.key(), call: callOf(one), kill: one.end("SIGKILL") })

describe("servers of every kind on one database", () => {
  it.scopedLive(
    "see, wait for and do each other's tasks once, though a clustered one and the one on stdio are killed",
    () =>
      Effect.gen(function* () {
        const from = performance.now()
        const cloud = yield* teamCloud(1_000)
        const url = yield* database
        const config = teamConfig(url, cloud.url, { maxConnections: 5 })
        const ports = yield* Effect.all([Effect.promise(freePort), Effect.promise(freePort)])
        const clustered = ports.map((port) => ({ ...config, cluster: { host: "127.0.0.1", port } }))
        const machines = yield* Effect.forEach([...clustered, config], (told) => machine(told))
        yield* Effect.forEach(machines, ({ begin }) => begin, { concurrency: 3 })
        const [key, env] = signingWith()
        const stdio = yield* session("the 2026-07-28 client", yield* place, { config, env })
        const members = [...machines.map(served), { key, call: stdio.call, kill: stdio.kill("SIGKILL") }]
        const db = yield* Layer.build(clientAt(url))

        let spawns = 0
        const spawned = ({ call }: Member) => Bench.spawned(call, { runtime: "cloud", instruction: `work ${++spawns}` })
        /** Some through each member, and with each task whoever else is to wait for it. */
        const round = (some: number) =>
          Effect.map(
            Effect.forEach(
              members,
              (member) => Effect.map(Effect.replicateEffect(spawned(member), some), (ids) => ({ member, ids })),
              { concurrency: 4 }
            ),
            Arrays.flatMap(({ ids, member }) => ids.map((id) => ({ id, member })))
          )

        const first = yield* round(4)
        yield* Effect.forEach(
          first.flatMap(({ id, member }) =>
            members.filter((other) => other !== member).map(({ call }) => ({ id, call }))
          ),
          ({ call, id }) =>
            Effect.map(Bench.finished(call, id), ({ status }) => assert.strictEqual(status, "succeeded")),
          { concurrency: "unbounded" }
        )

        const [dying, , , dyingToo] = members
        const dead = [dying, dyingToo].flatMap((member) => (member === undefined ? [] : [member]))
        const open = Effect.map(Effect.provide(teamRows, db), (rows) => {
          const unsettled = new Set(rows.flatMap(({ id, settled }) => (settled === 0 ? [id] : [])))
          return cloud.beginnings.filter(({ taskId }) => unsettled.has(taskId))
        })
        // Whoever comes first takes a task, so it takes several until the ones to be killed have some.
        // Whoever comes first takes a task, so it takes several until the ones to be killed have some.
        yield* note(
          `first done ${((performance.now() - from) / 1_000).toFixed(1)}: ${members.map((member) => cloud.beginnings.filter((work) => work.key === member.key).length).join()}`
        )
        const second = yield* round(2)
        const held = yield* eventually(
          Effect.gen(function* () {
            second.push(...(yield* round(1)))
            const works = yield* open
            const each = dead.map((member) => works.filter((work) => work.key === member.key).length)
            return each.every((count) => count > 0) ? each : undefined
          })
        )
        yield* Effect.forEach(dead, ({ kill }) => kill, { concurrency: 2 })
        const living = members.filter((member) => !dead.includes(member))
        yield* Effect.forEach(
          second,
          ({ id }, index) =>
            Effect.gen(function* () {
              const call = living[index % living.length]?.call ?? assert.fail("nobody is left")
              assert.strictEqual((yield* Bench.finished(call, id)).status, "succeeded")
            }),
          { concurrency: "unbounded" }
        )
        yield* Effect.provide(
          onceEach(
            cloud,
            [...first, ...second].map(({ id }) => id)
          ),
          db
        )
        const done = members.map((member) => cloud.beginnings.filter((work) => work.key === member.key).length)
        yield* note(
          `mixed: begun by the clustered, ${done.slice(0, 2).join(" and ")}; with leases, ${done[2]}; on stdio, ${done[3]}; ${held.join(" and ")} under way at the killed; ${((performance.now() - from) / 1_000).toFixed(1)} s`
        )
      }),
    90_000
  )
})
