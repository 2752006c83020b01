import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { createHash } from "node:crypto"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, TestClock } from "effect"
import { encodeText, type Json, JsonText } from "../src/domain/Json.js"
import { AuditTrail } from "../src/services/AuditTrail.js"
import { Caller } from "../src/services/Caller.js"
import { Redactor } from "../src/services/Redactor.js"
import { append, auditAt, broken, lines, log, records, rewrite, some, times, verify } from "./support/AuditBench.js"
import { stateFolder } from "./support/StateFolder.js"

describe("the audit", () => {
  it.scoped("keeps who, what, when and how it went, in order, in files of this user alone", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      yield* TestClock.setTime(1_700_000_000_000)
      const ann = { principal: "user:ann", client: { name: "Zed", version: "1.2" } }
      const kept = yield* Effect.zipRight(Effect.provideService(append(some), Caller, ann), records).pipe(
        Effect.provide(auditAt(folder))
      )
      assert.deepStrictEqual(
        kept.map(({ event, seq }) => [seq, event]),
        [
          [1, "audit.started"],
          [2, "spawn_cloud_agent"]
        ]
      )
      const { at, detail, outcome, rule, sealed, taskId, who } = kept[1] ?? assert.fail("nothing was kept")
      assert.deepStrictEqual(
        { at, detail, outcome, rule, taskId, who },
        {
          at: "2023-11-14T22:13:20.000Z",
          detail: { provider: "local" },
          outcome: "accepted",
          rule: "policy.rules.0",
          taskId: "task_1",
          who: ann
        }
      )
      assert.deepStrictEqual(Object.keys(sealed ?? {}), ["instruction"])
      for (const name of readdirSync(folder).filter((file) => file.startsWith("audit.") && file !== "audit.lock")) {
        assert.strictEqual(statSync(join(folder, name)).mode & 0o077, 0, name)
      }
    })
  )

  it.scoped("is whole after any number of records and processes", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      for (const count of [1, 62, 1, 64, 130, 3]) yield* Effect.provide(times(count), auditAt(folder))
      const verdict = yield* Effect.provide(verify(), auditAt(folder))
      assert.deepStrictEqual(
        { whole: verdict.whole, records: verdict.records, checkpoints: verdict.checkpoints, notes: verdict.notes },
        { whole: true, records: 262, checkpoints: 5, notes: [] }
      )
    })
  )

  it.scoped("has nothing to prove where nothing was recorded", () =>
    Effect.gen(function* () {
      const verdict = yield* Effect.provide(verify(), auditAt(yield* stateFolder))
      assert.deepStrictEqual([verdict.whole, verdict.records], [true, 0])
    })
  )

  it.scoped("writes nothing that the process knows to be secret", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const text = (given: string) => given.replaceAll("s3cr3t", "[redacted]")
      const record = {
        ...some,
        taskId: "my s3cr3t",
        detail: { s3cr3t: "1" },
        sensitive: { instruction: "s3cr3t", s3cr3t: 1 }
      }
      const decode = Schema.decodeSync(JsonText)
      const json = (value: Json) => decode(text(encodeText(value)))
      yield* Effect.provideService(append(record), Redactor, { ...(yield* Redactor), text, json }).pipe(
        Effect.provide(auditAt(folder))
      )
      assert.notInclude(readFileSync(log(folder), "utf8"), "s3cr3t")
      assert.include(readFileSync(log(folder), "utf8"), "my [redacted]")
    })
  )

  it.scoped("keeps its order and says so when the clock jumps back", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const verdict = yield* Effect.gen(function* () {
        yield* TestClock.setTime(1_700_000_060_000)
        yield* times(1)
        yield* TestClock.setTime(1_700_000_000_000)
        yield* times(2)
        return yield* verify()
      }).pipe(Effect.provide(auditAt(folder)))
      assert.isTrue(verdict.whole)
      assert.deepStrictEqual(
        verdict.notes.map(({ record, what }) => [record, what]),
        [[3, "the clock went back from 2023-11-14T22:14:20.000Z to 2023-11-14T22:13:20.000Z"]]
      )
    })
  )

  it.scoped("drops what a crash left of a record, and records how many bytes that were", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      yield* Effect.provide(times(2), auditAt(folder))
      appendFileSync(log(folder), '{"at":"2026-')
      const before = yield* Effect.provide(verify(), auditAt(folder))
      assert.isTrue(before.whole)
      assert.match(before.notes[0]?.what ?? "", /^12 bytes of an unfinished record/)
      yield* Effect.provide(times(1), auditAt(folder))
      const [verdict, kept] = yield* Effect.provide(Effect.all([verify(), records]), auditAt(folder))
      assert.isTrue(verdict.whole)
      assert.match(verdict.notes[0]?.what ?? "", /^12 bytes of an unfinished record were dropped here/)
      assert.deepStrictEqual(
        kept.slice(3).map(({ detail, event }) => [event, detail]),
        [
          ["audit.recovered", { bytes: 12 }],
          ["spawn_cloud_agent", { provider: "local" }]
        ]
      )
    })
  )

  it.scoped("signs for records that a crash kept from being signed for, their checkpoint too", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const state = ["audit.head", "audit.checkpoints"].map((name) => join(folder, name))
      yield* Effect.provide(times(60), auditAt(folder))
      const head = readFileSync(state[0] ?? "")
      yield* Effect.provide(times(5), auditAt(folder))
      writeFileSync(state[0] ?? "", head)
      rmSync(state[1] ?? "")
      const before = yield* Effect.provide(verify(), auditAt(folder))
      assert.deepStrictEqual([before.whole, before.records, before.notes[0]?.record], [true, 66, 62])
      yield* Effect.provide(times(1), auditAt(folder))
      const after = yield* Effect.provide(verify(), auditAt(folder))
      assert.deepStrictEqual([after.whole, after.records, after.checkpoints, after.notes], [true, 67, 2, []])
    })
  )

  it.scoped("moves the plain records of an earlier version aside and vouches for them", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      mkdirSync(folder, { mode: 0o700 })
      const old = '{"at":"2026-01-01T00:00:00.000Z","event":"cancel_task","outcome":"cancelled"}\n'
      writeFileSync(log(folder), old)
      yield* Effect.provide(times(1), auditAt(folder))
      const aside = join(folder, "audit.before-chain.ndjson")
      assert.strictEqual(readFileSync(aside, "utf8"), old)
      const [first] = yield* Effect.provide(records, auditAt(folder))
      assert.deepStrictEqual(first?.detail?.["earlier"], [
        {
          file: "audit.before-chain.ndjson",
          bytes: old.length,
          sha256: createHash("sha256").update(old).digest("hex")
        }
      ])
      assert.deepStrictEqual(yield* Effect.provide(broken(), auditAt(folder)), [])
      writeFileSync(aside, old.replace("cancelled", "failed"))
      assert.deepStrictEqual(yield* Effect.provide(broken(), auditAt(folder)), [
        "audit.before-chain.ndjson - is not what record 1 vouches for"
      ])
    })
  )

  it.scoped("stays whole when sensitive values are taken out, by it or by hand", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      yield* Effect.gen(function* () {
        yield* times(3)
        const trail = yield* AuditTrail
        assert.deepStrictEqual(yield* trail.redact(2, ["nothing"]), [])
        assert.deepStrictEqual(yield* trail.redact(2, []), ["instruction"])
        assert.match((yield* Effect.flip(trail.redact(99, []))).message, /has no record 99/)
        rewrite(
          folder,
          lines(folder).map((line) => line.replace(/"open":\{.*?\}\},/, ""))
        )
        assert.notInclude(readFileSync(log(folder), "utf8"), "find the bug")
        yield* times(1)
        assert.deepStrictEqual(yield* broken(), [])
        const kept = yield* records
        assert.deepStrictEqual(
          kept.map(({ event, open }) => `${event} ${Object.keys(open ?? {}).join()}`.trim()),
          [
            "audit.started",
            ...Array(3).fill("spawn_cloud_agent"),
            ...Array(2).fill("audit.redacted"),
            "spawn_cloud_agent instruction"
          ]
        )
        assert.deepStrictEqual(kept[5]?.detail, { record: 2, names: ["instruction"] })
      }).pipe(Effect.provide(auditAt(folder)))
    })
  )

  it.scoped("does not fail a call whose record cannot be kept", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      mkdirSync(log(folder), { recursive: true })
      chmodSync(dirname(log(folder)), 0o700)
      yield* Effect.provide(times(2), auditAt(folder))
      assert.deepStrictEqual(readdirSync(log(folder)), [])
    })
  )
})
