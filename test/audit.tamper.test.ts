import { createHash } from "node:crypto"
import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Schema } from "effect"
import { canonical, type Json, JsonObject, JsonText } from "../src/domain/Json.js"
import { Audit, type AuditRecord } from "../src/services/Audit.js"
import { AuditTrail } from "../src/services/AuditTrail.js"
import { auditAt, broken, lines, log, rewrite, times, verify } from "./support/AuditBench.js"
import { stateFolder } from "./support/StateFolder.js"
import { firstChanged, tampering } from "./support/Tampering.js"

const decode = Schema.decodeSync(Schema.parseJson(JsonObject))

const json = FastCheck.json({ maxDepth: 2 }).map((text) => Schema.decodeSync(JsonText)(text))
const members = FastCheck.dictionary(FastCheck.string({ maxLength: 12 }), json, { maxKeys: 3 })
const word = FastCheck.string({ maxLength: 20, unit: "binary" })
const record: FastCheck.Arbitrary<AuditRecord> = FastCheck.record(
  { event: word, outcome: word, taskId: word, rule: word, detail: members, sensitive: members },
  { requiredKeys: ["event", "outcome"], noNullPrototype: true }
)

/** A record changed by somebody who knows how records are hashed, and those behind it chained to it again. */
const forged = (folder: string, seq: number, rechained: boolean) => {
  const all = lines(folder)
  let prev: Json | undefined
  return all.map((line, index) => {
    const { hash: was, open, ...rest } = decode(line)
    if (index + 1 < seq || (index + 1 > seq && !rechained)) return line
    const hashed = { ...rest, ...(prev === undefined ? { outcome: "forged" } : { prev }) }
    const hash = createHash("sha256").update(canonical(hashed)).digest("hex")
    assert.notStrictEqual(hash, was)
    prev = hash
    return canonical({ ...hashed, hash, ...(open === undefined ? {} : { open }) })
  })
}

const written = (count: number) => Effect.tap(stateFolder, (folder) => Effect.provide(times(count), auditAt(folder)))

describe("a tampered audit", () => {
  it.scopedLive(
    "is found out whatever was recorded and however it was changed, cut or put together, by its first record",
    () =>
      Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            FastCheck.array(record, { minLength: 1, maxLength: 80 }),
            FastCheck.array(tampering, { minLength: 1, maxLength: 12 }),
            (given, tamperings) =>
              Effect.runPromise(
                Effect.scoped(
                  Effect.gen(function* () {
                    const folder = yield* stateFolder
                    yield* Effect.gen(function* () {
                      const audit = yield* Audit
                      yield* Effect.forEach(given, audit.append, { concurrency: "unbounded" })
                      assert.deepStrictEqual(yield* broken(), [])
                      const whole = readFileSync(log(folder))
                      for (const tamper of tamperings) {
                        const changed = tamper(whole)
                        if (changed.equals(whole)) continue
                        writeFileSync(log(folder), changed)
                        const verdict = yield* verify()
                        assert.isFalse(verdict.whole)
                        assert.strictEqual(verdict.broken[0]?.record, firstChanged(whole, changed))
                      }
                    }).pipe(Effect.provide(auditAt(folder)))
                  })
                )
              )
          ),
          { numRuns: 25 }
        )
      ),
    120_000
  )

  it.scoped("is found out when a record was hashed again", () =>
    Effect.gen(function* () {
      const folder = yield* written(70)
      const original = lines(folder)
      const named: Array<string> = []
      for (const [seq, rechained] of [
        [5, false],
        [71, false],
        [5, true],
        [68, true]
      ] as const) {
        rewrite(folder, original)
        rewrite(folder, forged(folder, seq, rechained))
        const [first] = yield* Effect.provide(broken(), auditAt(folder))
        named.push(first ?? "")
      }
      assert.match(
        named[0] ?? "",
        /^audit\.ndjson 6 record 6 does not go on from record 5: one of the two was replaced/
      )
      assert.match(
        named[1] ?? "",
        /^audit\.ndjson 65 record 65 or one up to 71 is not what was signed for .* audit\.head/
      )
      assert.match(
        named[2] ?? "",
        /^audit\.ndjson 1 record 1 or one up to 64 is not what was signed for .* audit\.checkpoints line 1/
      )
      assert.match(named[3] ?? "", /^audit\.ndjson 65 record 65 or one up to 71 is not what was signed for/)
    })
  )

  it.scoped(
    "is found out when a sensitive value was changed, salted anew or added, but not when one was taken out",
    () =>
      Effect.gen(function* () {
        const folder = yield* written(3)
        const original = lines(folder)
        const salt = "0".repeat(32)
        const named: Array<ReadonlyArray<string>> = []
        for (const open of [
          '"value":"find the bag"',
          '"value":["find the bug"]',
          `"value":"find the bug"},"more":{"salt":"${salt}","value":1`
        ]) {
          rewrite(
            folder,
            original.map((line, index) => (index === 1 ? line.replace('"value":"find the bug"', open) : line))
          )
          named.push(yield* Effect.provide(broken(), auditAt(folder)))
        }
        rewrite(
          folder,
          original.map((line) => line.replace(/"salt":"[0-9a-f]{32}"/, `"salt":"${salt}"`))
        )
        named.push(yield* Effect.provide(broken(), auditAt(folder)))
        const changed = 'audit.ndjson 2 record 2 was changed: "instruction" is not the value it commits to'
        const added = 'audit.ndjson 2 record 2 was changed: "more" is not the value it commits to'
        assert.deepStrictEqual(named, [[changed], [changed], [added], [changed]])
        rewrite(
          folder,
          original.map((line) => line.replace(/"open":\{.*?\}\},/, ""))
        )
        assert.deepStrictEqual(yield* Effect.provide(broken(), auditAt(folder)), [])
      })
  )

  it.scoped("stays found out after more was recorded, by the first record that is gone", () =>
    Effect.gen(function* () {
      const folder = yield* written(9)
      const sizeOf = (count: number) => Buffer.byteLength(lines(folder).slice(0, count).join("\n")) + 1
      const cutAt = (size: number) =>
        Effect.gen(function* () {
          truncateSync(log(folder), size)
          yield* times(3)
          return (yield* broken())[0] ?? ""
        }).pipe(Effect.provide(auditAt(folder)))
      assert.match(yield* cutAt(sizeOf(6)), /^audit\.ndjson 7 record 7 is not in its place, record 11 is/)
      assert.match(yield* cutAt(sizeOf(4) - 7), /^audit\.ndjson 4 record 4 is no JSON object/)
      rmSync(log(folder))
      assert.match((yield* Effect.provide(broken(), auditAt(folder)))[0] ?? "", /^audit\.ndjson 1 record 1 is missing/)
    })
  )

  it.scoped("is found out when its head is gone, changed or an older one", () =>
    Effect.gen(function* () {
      const folder = yield* written(70)
      const head = join(folder, "audit.head")
      const [newest, shorter] = [readFileSync(head, "utf8"), lines(folder).slice(0, 50)]
      const audit = auditAt(folder)
      writeFileSync(head, newest.replace('"size":71', '"size":70'))
      assert.deepStrictEqual(yield* Effect.provide(broken(), audit), ["audit.head - is not as it was written"])
      writeFileSync(head, newest.replace(/"at":"\d/, '"at":"9'))
      assert.deepStrictEqual(yield* Effect.provide(broken(), audit), [
        "audit.head - was changed: its signature is of something else"
      ])
      rmSync(head)
      assert.deepStrictEqual(yield* Effect.provide(broken(), audit), [
        "audit.head - is missing: nothing says where the log ends"
      ])
      rewrite(folder, shorter)
      assert.match(
        (yield* Effect.provide(broken(), audit))[0] ?? "",
        /^audit\.ndjson 51 record 51 is missing: the log ends there, and 64 records were signed for/
      )
      yield* Effect.provide(times(1), auditAt(folder))
      assert.match(
        (yield* Effect.provide(broken(), audit))[0] ?? "",
        /^audit\.ndjson 51 record 51 was written while audit\.head was missing/
      )
    })
  )

  it.scoped("is found out when a checkpoint is gone, changed or moved", () =>
    Effect.gen(function* () {
      const folder = yield* written(200)
      const path = join(folder, "audit.checkpoints")
      const [one, two, three] = readFileSync(path, "utf8").split("\n")
      const named: Array<string> = []
      for (const kept of [
        [one, three],
        [],
        [two, one, three],
        [one, two?.replace('"size":128', '"size":127'), three]
      ]) {
        writeFileSync(path, kept.map((line) => `${line ?? ""}\n`).join(""))
        named.push(...(yield* Effect.provide(broken(), auditAt(folder))))
      }
      assert.deepStrictEqual(named, [
        "audit.checkpoints - the checkpoint of record 128 is missing",
        "audit.checkpoints - the checkpoint of record 64 is missing",
        "audit.checkpoints - line 2 is not in its place",
        "audit.checkpoints - line 2 was changed: its signature is of something else"
      ])
    })
  )

  it.scoped("is found out when its key was replaced, also when all was signed again or more was recorded", () =>
    Effect.gen(function* () {
      const [folder, other] = [yield* written(70), yield* written(70)]
      const pinned = join(folder, "..", "pinned.pub")
      copyFileSync(join(folder, "audit.pub"), pinned)
      for (const name of ["audit.key", "audit.pub"]) copyFileSync(join(other, name), join(folder, name))
      const found = yield* Effect.provide(broken(), auditAt(folder))
      assert.match(
        found[0] ?? "",
        /^audit\.ndjson 1 record 1 began the log with key [0-9a-f]{64}, not with [0-9a-f]{64}$/
      )
      assert.match(found[1] ?? "", /^audit\.head - was signed with key/)
      yield* Effect.provide(times(1), auditAt(folder))
      const after = yield* Effect.provide(verify(), auditAt(folder))
      assert.isFalse(after.whole)
      assert.include(after.notes.map(({ what }) => what).join(), "the signing key was replaced here")
      // Another log in its place is whole in itself; only a key that was kept elsewhere tells.
      for (const name of readdirSync(other)) copyFileSync(join(other, name), join(folder, name))
      assert.deepStrictEqual(yield* Effect.provide(broken(), auditAt(folder)), [])
      assert.isAbove((yield* Effect.provide(broken({ key: pinned }), auditAt(folder))).length, 0)
    })
  )

  it.scoped("is found out by an earlier export when all of it was put back to an older state, or is gone", () =>
    Effect.gen(function* () {
      const folder = yield* written(5)
      const [older, against] = [join(folder, "..", "older"), join(folder, "..", "export")]
      cpSync(folder, older, { recursive: true })
      const moved = yield* Effect.provide(
        Effect.zipRight(
          times(5),
          Effect.flatMap(AuditTrail, (trail) => trail.exportTo(against))
        ),
        auditAt(folder)
      )
      assert.strictEqual(moved, 11)
      assert.deepStrictEqual(yield* Effect.provide(broken({ against }), auditAt(folder)), [])
      rmSync(folder, { recursive: true })
      cpSync(older, folder, { recursive: true })
      assert.deepStrictEqual(yield* Effect.provide(broken(), auditAt(folder)), [])
      assert.match(
        (yield* Effect.provide(broken({ against }), auditAt(folder)))[0] ?? "",
        /^audit\.ndjson 7 record 7 is missing: the log ends there, and 11 records were signed for/
      )
      rmSync(folder, { recursive: true })
      assert.deepStrictEqual(yield* Effect.provide(broken(), auditAt(folder)), [])
      assert.isAbove((yield* Effect.provide(broken({ against }), auditAt(folder))).length, 0)
      assert.deepStrictEqual(
        yield* Effect.provide(broken({ file: against, key: join(against, "audit.pub") }), auditAt(folder)),
        []
      )
    })
  )
})
