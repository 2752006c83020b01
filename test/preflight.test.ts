import { assert, describe, it } from "@effect/vitest"
import { Effect, Record } from "effect"
import { Preflight, type PreflightReport } from "../src/dispatch/Preflight.js"
import { Store } from "../src/services/Store.js"
import { config, core } from "./fakes/CoreFixture.js"
import { Fake } from "./fakes/FakeAdapter.js"
import { broken } from "./fakes/StoreProxy.js"

const failing = ({ checks }: PreflightReport) =>
  checks.filter((check) => check.status === "fail").map((check) => check.name)

describe("Preflight", () => {
  it.effect("says of a ready runtime where its work would go, and starts nothing", () =>
    Effect.gen(function* () {
      const preflight = yield* Preflight
      const fake = yield* Fake
      const report = yield* preflight.check({ runtime: "once" }, true)
      assert.isTrue(report.ok)
      assert.deepInclude(report, {
        runtime: "once",
        provider: "fake",
        account_profile: "lab",
        backend: "once",
        adapter: "fake-once",
        target_mode: "session"
      })
      assert.strictEqual(fake.called("start"), 0)
      assert.deepStrictEqual((yield* Effect.flatMap(Store, (store) => store.list({ limit: 1 }))).tasks, [])
    }).pipe(Effect.provide(core()))
  )

  it.effect("fails a runtime whose adapter does not exist", () => {
    const lost = { ...config.backends, once: { adapter: "nowhere", account: "lab" } }
    return Effect.gen(function* () {
      const report = yield* (yield* Preflight).check({ runtime: "once" }, true)
      assert.isFalse(report.ok)
      assert.deepStrictEqual(failing(report), ["route"])
      assert.match(report.checks.find((check) => check.name === "route")?.message ?? "", /No adapter "nowhere"/)
    }).pipe(Effect.provide(core({ config: { backends: lost } })))
  })

  it.effect("fails while the state folder cannot be read", () =>
    Effect.gen(function* () {
      const report = yield* (yield* Preflight).check({ runtime: "once" }, true)
      assert.deepStrictEqual(failing(report), ["state"])
    }).pipe(Effect.provide(core({ store: (call, method) => (method === "list" ? Effect.fail(broken) : call) })))
  )

  it.effect("names the configured runtimes when asked about another", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip((yield* Preflight).check({ runtime: "toString" }, true))
      assert.match(error.message, /No runtime profile "toString"\. Configured: idempotent, probe/)
    }).pipe(Effect.provide(core()))
  )

  it.effect("warns about what each call must bring, and fails nothing for it", () => {
    const asking = Record.map(config.runtimes, (profile) => ({ ...profile, requiredInputs: ["ticket"] }))
    return Effect.gen(function* () {
      const report = yield* (yield* Preflight).check({ runtime: "idempotent" }, true)
      assert.isTrue(report.ok)
      assert.deepInclude(report.checks, { name: "ticket", status: "warn", message: 'each call must bring "ticket"' })
    }).pipe(Effect.provide(core({ config: { runtimes: asking } })))
  })

  it.effect("looks at every configured runtime when asked about all", () =>
    Effect.gen(function* () {
      const reports = yield* (yield* Preflight).checkAll(false)
      assert.deepStrictEqual(
        reports.map((report) => report.runtime),
        Object.keys(config.runtimes)
      )
    }).pipe(Effect.provide(core()))
  )
})
