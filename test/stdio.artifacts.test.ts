import { createHash } from "node:crypto"
import { pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ArtifactPage } from "../src/dispatch/TaskArtifacts.js"
import { place, refusalOf, session, written } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const pageOf = Schema.decodeUnknownSync(ArtifactPage)

const client = "the 2026-07-28 client"
const config = Bench.workbench()
const inItsFolder = (script: string) => Bench.shell(`cd "$AGENTDISPATCH_ARTIFACT_DIR"\n${script}`)

describe("Artifacts over MCP", () => {
  it.scopedLive("are read by page, no character cut, with the hash of the whole", () =>
    Effect.gen(function* () {
      const at = yield* place
      const text = "Grüße, 世界 🎉\n".repeat(40)
      const { call } = yield* session(client, at, { config })
      const task_id = yield* Bench.dispatched(
        call,
        inItsFolder(`cat <<'END' > words.txt\n${text}END\nprintf '\\377\\376\\000' > raw.bin`)
      )
      const { artifacts } = yield* Bench.finished(call, task_id)
      const named = (name: string) => artifacts.find(({ uri }) => uri.endsWith(name))?.id ?? name

      let offset = 0
      let read = ""
      for (let rounds = 0; rounds < 1_000; rounds++) {
        const page = pageOf(
          (yield* call("get_task_artifact", { task_id, artifact_id: named("words.txt"), offset, limit: 7 })).value
        )
        assert.strictEqual(page.encoding, "utf8")
        assert.strictEqual(page.sha256, createHash("sha256").update(text).digest("hex"))
        read += page.data ?? ""
        offset = page.nextOffset ?? offset
        if (offset === page.totalBytes) break
      }
      assert.strictEqual(read, text)

      const raw = pageOf((yield* call("get_task_artifact", { task_id, artifact_id: named("raw.bin") })).value)
      assert.deepStrictEqual([raw.encoding, raw.data, raw.totalBytes], ["base64", "//4A", 3])

      const unknown = refusalOf(yield* call("get_task_artifact", { task_id, artifact_id: "art_99" }))
      assert.match(unknown, /artifact\.not_found.*It has: art_1, art_2/)
    })
  )

  it.scopedLive("never lead out of the task's folder, by name or by link; a link elsewhere stays a link", () =>
    Effect.gen(function* () {
      const at = yield* place
      const secret = written(at, "secret.txt", "not yours")
      const declared = [pathToFileURL(secret).href, "s3://bucket/report.md", "file:///etc/hostname"]
      const response = JSON.stringify({
        ok: true,
        events: [],
        artifacts: declared.map((uri) => ({ uri, kind: "file" }))
      })
      const { call } = yield* session(client, at, { config })
      const task_id = yield* Bench.dispatched(call, inItsFolder(`ln -s '${secret}' link.txt\necho '${response}'`))
      const { artifacts } = yield* Bench.finished(call, task_id)
      for (const { id, uri } of artifacts) {
        const answer = yield* call("get_task_artifact", { task_id, artifact_id: id })
        if (uri.startsWith("s3:")) assert.strictEqual(pageOf(answer.value).link, true)
        else assert.match(refusalOf(answer), /artifact_unreadable.*not in the task's artifact folder/)
      }
    })
  )

  it.scopedLive("a message to an agent that takes none is refused, and says what can be done instead", () =>
    Effect.gen(function* () {
      const at = yield* place
      const { call } = yield* session(client, at, { config })
      const task_id = yield* Bench.spawned(call, { runtime: "echo", instruction: "hello" })
      assert.match(
        refusalOf(yield* call("send_task_message", { task_id, text: "more" })),
        /adapter\.unsupported.*follow-up messages/
      )
      assert.match(refusalOf(yield* call("send_task_message", { task_id, text: " " })), /input\.invalid.*text/)
    })
  )
})
