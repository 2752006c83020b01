import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Layer } from "effect"
import * as RedactedStore from "../src/dispatch/RedactedStore.js"
import { makeRedaction } from "../src/domain/Redaction.js"
import { Redactor } from "../src/services/Redactor.js"
import { type Change, Store } from "../src/services/Store.js"
import { sample, seeded } from "./secrets/Sample.js"
import { accepted } from "./support/SomeTask.js"

const value = "s3cr3t-of-this-host"
const redaction = makeRedaction({ values: [{ name: "HOST_TOKEN", value }], patterns: [] })
const redactor = Layer.succeed(Redactor, { ...redaction, rules: {} })

/** A process's redacted store over what all processes share. */
const beside = (shared: typeof Store.Service) =>
  Effect.map(
    Layer.build(
      Layer.fresh(RedactedStore.layer).pipe(Layer.provide(Layer.merge(Layer.succeed(Store, shared), redactor)))
    ),
    (built) => Effect.provide(Store, built)
  ).pipe(Effect.flatten)

const layer = RedactedStore.layer.pipe(Layer.provide(Layer.merge(Store.layerMemory, redactor)))

const key = [
  "-----BEGIN PRIVATE KEY-----",
  ...Array.from({ length: 8 }, (_, line) => sample("[A-Za-z0-9+/]{64}", seeded(line))),
  "-----END PRIVATE KEY-----"
]
const token = sample("ghp_[A-Za-z0-9]{36}", seeded(9))

describe("RedactedStore", () => {
  it.effect("stores no secret in any part of a change", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const task = yield* accepted()
      const error = { code: "x", message: `told ${value}`, details: { why: [token] } }
      const changed = yield* store.commit(task, {
        transition: "fail",
        entries: [
          { type: "task.progress", message: `got ${token}`, payload: { [value]: { password: "hunter2-forever" } } },
          { type: "task.log", message: `logged ${value}` },
          { log: `printed ${token}\n` }
        ],
        providerRefs: { url: `https://host/?key=${value}` },
        cursor: { seen: value },
        cloudAgent: { card: token },
        outcome: { ok: false, error, result: { token, [token]: value } },
        error,
        artifacts: [{ uri: `https://u:${value}@host/a`, kind: "file" }],
        resources: [{ key: "one", kind: "thing", ref: { path: value }, state: "created" }]
      })
      const all = JSON.stringify([
        changed,
        yield* store.find(task.id),
        yield* store.events(task.id, { afterRevision: 0, limit: 100 }),
        yield* store.log(task.id, { cursor: 0, limit: 1000 }),
        yield* store.artifacts(task.id),
        yield* store.resources(task.id)
      ])
      for (const secret of [value, token, "hunter2-forever"]) assert.notInclude(all, secret)
      const { data } = yield* store.log(task.id, { cursor: 0, limit: 1000 })
      assert.strictEqual(data, "logged [redacted: HOST_TOKEN]\nprinted [redacted: github token]\n")
    }).pipe(Effect.provide(layer))
  )

  it.effect("leaves an id that only looks like a secret where work is found again by it", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const task = yield* store.commit(yield* accepted(), {
        providerRefs: { session: token },
        cursor: { next: token },
        resources: [{ key: "one", kind: "thing", ref: { id: token }, state: "created" }]
      })
      assert.deepStrictEqual([task.providerRefs, task.cursor], [{ session: token }, { next: token }])
      assert.deepStrictEqual((yield* store.resources(task.id))[0]?.ref, { id: token })
    }).pipe(Effect.provide(layer))
  )

  it.effect("finds a secret that is cut between commits, and gives out what it held back when the work ends", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.nat(2_000), { maxLength: 12 }), fc.boolean(), async (cuts, events) => {
          const whole = `start ${token} and ${value}\n${key.join("\n")}\nthen: ${value.slice(0, 9)}`
          const places = [0, ...cuts.map((cut) => cut % whole.length), whole.length].sort((a, b) => a - b)
          const chunks = places.slice(1).map((to, index) => whole.slice(places[index], to))
          const changes: ReadonlyArray<Change> = events
            ? whole.split("\n").map((message) => ({ entries: [{ type: "task.log", message }] }))
            : chunks.map((log) => ({ entries: [{ log }] }))
          const told = await Effect.gen(function* () {
            const store = yield* Store
            let task = yield* accepted()
            for (const change of changes) task = yield* store.commit(task, change)
            task = yield* store.commit(task, { transition: "fail" })
            const { data } = yield* store.log(task.id, { cursor: 0, limit: 10_000 })
            assert.strictEqual(data.length, task.logLength)
            for (const { payload, type } of yield* store.events(task.id, { afterRevision: 0, limit: 1000 })) {
              if (type !== "task.log") continue
              const { cursor, length } = yield* Effect.succeed(payloadOf(payload))
              assert.isTrue(length === 0 || data.slice(cursor, cursor + length).endsWith("\n"))
            }
            return data
          }).pipe(Effect.provide(Layer.fresh(layer)), Effect.runPromise)
          assert.strictEqual(told, redaction.text(events ? `${whole}\n` : whole))
        }),
        { numRuns: 60 }
      )
    )
  )

  it.effect("goes on within a private key that another process began", () =>
    Effect.gen(function* () {
      const shared = yield* Store
      const one = yield* beside(shared)
      const task = yield* one.commit(yield* accepted(), { entries: [{ log: `${key.slice(0, 4).join("\n")}\n` }] })
      const two = yield* beside(shared)
      yield* two.commit(task, { entries: [{ log: `${key.slice(4).join("\n")}\ndone\n` }] })
      const { data } = yield* shared.log(task.id, { cursor: 0, limit: 1000 })
      assert.strictEqual(data, "[redacted: private key]\n[redacted: end of private key]\ndone\n")
    }).pipe(Effect.scoped, Effect.provide(Store.layerMemory))
  )

  it.effect("keeps what it holds back when a commit is refused", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const task = yield* accepted()
      const first = yield* store.commit(task, { entries: [{ log: token.slice(0, 9) }] })
      yield* Effect.flip(store.commit({ ...first, revision: 99 }, { entries: [{ log: "lost" }] }))
      yield* store.commit(first, { entries: [{ log: `${token.slice(9)} all\n` }] })
      const { data } = yield* store.log(task.id, { cursor: 0, limit: 1000 })
      assert.strictEqual(data, "[redacted: github token] all\n")
    }).pipe(Effect.provide(layer))
  )
})

const payloadOf = (payload: unknown): { readonly cursor: number; readonly length: number } =>
  typeof payload === "object" && payload !== null && "cursor" in payload && "length" in payload
    ? { cursor: Number(payload.cursor), length: Number(payload.length) }
    : { cursor: -1, length: -1 }
