import { createHash } from "node:crypto"
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import {
  chunk,
  folder,
  outcome,
  refusal,
  type Serving,
  serving,
  slow,
  startOf,
  state
} from "./support/ServingWorker.js"

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

/** Everything an operation has to give, piece by piece. */
const collected = (at: Serving, request: JsonObject, limit: number) =>
  Effect.gen(function* () {
    const pieces: Array<Buffer> = []
    for (let offset = 0, total = 1; offset < total;) {
      const reply = yield* chunk(at, { ...request, offset, limit })
      const piece = Buffer.from(reply.data, "base64")
      assert.strictEqual(reply.offset, offset)
      assert.isAtMost(piece.length, limit)
      assert.isAbove(piece.length, 0)
      pieces.push(piece)
      offset += piece.length
      total = reply.bytes
    }
    return Buffer.concat(pieces)
  })

describe("the serving worker's large results", () => {
  it.scopedLive("come in pieces with the hash of the whole: 20 MB of text that no character boundary fits", () =>
    Effect.gen(function* () {
      const at = yield* serving()
      const instruction = "aüß€😀".repeat(1_700_000)
      yield* state(at, startOf("t", { prompt: instruction }))
      const { result, resultRef } = yield* outcome(at, "t")
      assert.isUndefined(result)
      const expected = Buffer.from(JSON.stringify({ instruction }))
      assert.isAbove(expected.length, 20_000_000)
      assert.deepStrictEqual(resultRef, { bytes: expected.length, sha256: sha256(expected) })
      const whole = yield* collected(at, { op: "result", taskId: "t" }, 3_999_999)
      assert.isTrue(whole.equals(expected))
      assert.strictEqual(sha256(whole), resultRef?.sha256)
    })
  )

  it.scopedLive("begin just above 256 KB of JSON text", () =>
    Effect.gen(function* () {
      const at = yield* serving()
      const frame = JSON.stringify({ instruction: "" }).length
      const sized = (taskId: string, bytes: number) =>
        Effect.zipRight(state(at, startOf(taskId, { prompt: "x".repeat(bytes - frame) })), outcome(at, taskId))
      assert.isDefined((yield* sized("inline", 262_144)).result)
      const { result, resultRef } = yield* sized("chunked", 262_145)
      assert.deepStrictEqual([result, resultRef?.bytes], [undefined, 262_145])
    })
  )

  it.scopedLive("has no chunk of a result that is not there", () =>
    Effect.gen(function* () {
      const at = yield* serving()
      yield* state(at, startOf("pending", slow(300)))
      const { refused } = yield* refusal(at, { op: "result", taskId: "pending", offset: 0, limit: 10 })
      assert.strictEqual(refused.code, "not_found")
      assert.strictEqual((yield* refusal(at, { op: "ack", taskId: "pending" })).refused.code, "not_finished")
      yield* outcome(at, "pending")
      const whole = yield* chunk(at, { op: "result", taskId: "pending", offset: 0, limit: 1000 })
      assert.strictEqual(Buffer.from(whole.data, "base64").toString(), '{"context":{"delayMs":300,"steps":1}}')
      const past = yield* chunk(at, { op: "result", taskId: "pending", offset: 1000, limit: 10 })
      assert.deepStrictEqual([past.data, past.bytes], ["", whole.bytes])
    })
  )
})

const maker = JSON.stringify({
  maker: [
    process.execPath,
    "-e",
    `const { mkdirSync, writeFileSync } = require("node:fs"); const dir = process.env.AGENTDISPATCH_ARTIFACT_DIR
     mkdirSync(dir + "/deep"); writeFileSync(dir + "/deep/ä file.bin", Buffer.alloc(2500000, 7)); writeFileSync(dir + "/notes.md", "# Notes\\n")
     console.log(JSON.stringify({ ok: true, output: null, events: [], artifacts: [
       { uri: require("node:url").pathToFileURL(dir + "/notes.md").href, kind: "report", contentType: "text/markdown" },
       { uri: "https://example.org/elsewhere", kind: "link" } ] }))`
  ]
})

describe("the serving worker's artifacts", () => {
  it.scopedLive("are those declared and those left behind, each readable in pieces with its hash", () =>
    Effect.gen(function* () {
      const at = yield* serving({ env: { AGENTDISPATCH_WORKER_FRAMEWORKS: maker } })
      yield* state(at, startOf("t", { framework: "maker" }))
      const { artifacts = [], state: is } = yield* outcome(at, "t")
      assert.strictEqual(is, "succeeded")
      assert.deepStrictEqual(
        artifacts.map(({ uri, kind, sizeBytes }) => [decodeURI(uri).split("/").at(-1), kind, sizeBytes]),
        [
          ["notes.md", "report", undefined],
          ["elsewhere", "link", undefined],
          ["ä file.bin", "file", 2_500_000]
        ]
      )
      const read = (uri: string, limit: number) => collected(at, { op: "artifact", taskId: "t", uri }, limit)
      assert.strictEqual((yield* read(artifacts[0]?.uri ?? "", 3)).toString(), "# Notes\n")
      const big = yield* read(artifacts[2]?.uri ?? "", 1_000_000)
      assert.isTrue(big.equals(Buffer.alloc(2_500_000, 7)))
      const { sha256: told } = yield* chunk(at, {
        op: "artifact",
        taskId: "t",
        uri: artifacts[2]?.uri ?? "",
        offset: 0,
        limit: 1
      })
      assert.strictEqual(told, sha256(big))
    })
  )

  it.scopedLive("are read from the task's own folder alone", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const at = yield* serving({
        env: { AGENTDISPATCH_WORKER_FRAMEWORKS: maker, AGENTDISPATCH_ARTIFACT_DIR: join(root, "artifacts") }
      })
      yield* state(at, startOf("mine", { framework: "maker" }))
      yield* state(at, startOf("yours", { framework: "maker" }))
      const notes = fileURLToPath((yield* outcome(at, "mine")).artifacts?.[0]?.uri ?? "")
      const yours = (yield* outcome(at, "yours")).artifacts?.[0]?.uri ?? ""
      const own = dirname(notes)
      writeFileSync(join(root, "secret"), "secret")
      mkdirSync(join(root, "artifacts-beside"))
      writeFileSync(join(`${own}`, "..", "sibling"), "secret")
      mkdirSync(`${own}-beside`)
      writeFileSync(`${own}-beside/secret`, "secret")
      symlinkSync(join(root, "secret"), join(own, "link"))
      symlinkSync(root, join(own, "out"))
      symlinkSync("notes.md", join(own, "within"))
      linkSync(notes, join(own, "hard"))

      const url = (path: string) => pathToFileURL(path).href
      const attempts = [
        `${pathToFileURL(own).href}/../sibling`,
        `${pathToFileURL(own).href}/%2e%2e/sibling`,
        `${pathToFileURL(own).href}/..%2fsibling`,
        `${pathToFileURL(own).href}/deep`,
        url(own),
        url(join(root, "secret")),
        url(join(own, "link")),
        url(join(own, "out/secret")),
        url(`${own}-beside/secret`),
        url(join(own, "no-such-file")),
        yours,
        "file:///etc/passwd",
        "file://evil.example/etc/passwd",
        "https://example.org/elsewhere",
        notes,
        "notes.md",
        "",
        `${url(notes)}%00`
      ]
      for (const uri of attempts) {
        const { refused } = yield* refusal(at, { op: "artifact", taskId: "mine", uri, offset: 0, limit: 100 })
        assert.strictEqual(refused.code, "not_found", uri)
      }
      for (const name of ["notes.md", "within", "hard"]) {
        const { data } = yield* chunk(at, {
          op: "artifact",
          taskId: "mine",
          uri: url(join(own, name)),
          offset: 0,
          limit: 100
        })
        assert.strictEqual(Buffer.from(data, "base64").toString(), "# Notes\n", name)
      }
    })
  )
})
