import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Stream } from "effect"
import * as ArchiveFolder from "../src/drivers/ArchiveFolder.js"
import { Archive } from "../src/services/Archive.js"
import { eventually } from "./support/Server.js"
import { temporaryFolder } from "./support/StateFolder.js"

const script = fileURLToPath(new URL("./support/archiveProcess.ts", import.meta.url))
const name = "task_1.jsonl"

const write = <E>(folder: string, file: string, pieces: Stream.Stream<string, E>) =>
  Effect.flatMap(Archive, (archive) => archive.write(folder, file, pieces)).pipe(
    // As another process would have it.
    Effect.provide(ArchiveFolder.layer)
  )

const drafts = (folder: string) => readdirSync(folder).filter((entry) => entry.endsWith(".draft"))

/** A process of its own that writes into an archive; `limit` is the most it may write to one file, in 512 bytes. */
const writer = (folder: string, lines: number, limit = "unlimited") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const node = [process.execPath, "--import", "tsx", script, folder, name, String(lines)]
      return spawn("/bin/sh", ["-c", `ulimit -f ${limit}; exec "$@"`, "sh", ...node], {
        stdio: ["ignore", "pipe", "inherit"]
      })
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("An archive on disk", () => {
  it.scopedLive("has the whole text, for its user alone, and nothing besides; again is harmless", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "new", "exports")
      const pieces = ["", "first\n", "🧪".repeat(70_000), "\u2028 \0\n", "x".repeat(300_000), "last"]
      for (const round of [pieces, [...pieces, "and more"], []]) {
        const path = yield* write(folder, name, Stream.fromIterable(round))
        assert.strictEqual(path, join(folder, name))
        assert.strictEqual(readFileSync(path, "utf8"), round.join(""))
        assert.deepStrictEqual(readdirSync(folder), [name])
        assert.deepStrictEqual([statSync(path).mode & 0o777, statSync(folder).mode & 0o777], [0o600, 0o700])
      }
    })
  )

  it.scopedLive("never has a name that leads out of its folder", () =>
    Effect.gen(function* () {
      const around = yield* temporaryFolder
      const folder = join(around, "exports")
      mkdirSync(folder)
      const part = FastCheck.constantFrom("..", ".", "", "/", "a", "\0", "x/y", "..a", "\\", "task_1")
      const names = [
        "..",
        ".",
        "",
        "../out",
        "/tmp/out",
        "a/../../out",
        ...FastCheck.sample(FastCheck.array(part, { maxLength: 4 }), { numRuns: 100, seed: 7 }).map((parts) =>
          parts.join("")
        )
      ]
      for (const wanted of names) {
        const came = yield* Effect.either(write(folder, wanted, Stream.make("text")))
        if (came._tag === "Right") assert.strictEqual(came.right, join(folder, basename(wanted)))
        else assert.include([came.left.code, came.left.message].join(" "), "archive.failed")
        assert.deepStrictEqual(readdirSync(around), ["exports"], wanted)
        assert.isTrue(statSync(folder).isDirectory())
      }
      assert.deepStrictEqual(drafts(folder), [])
    })
  )

  it.scopedLive("keeps what it had when a new text breaks off, and no half of that", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = yield* write(folder, name, Stream.make("whole"))
      const half = Stream.concat(Stream.make("half"), Stream.fail("the store is gone" as const))
      assert.strictEqual(yield* Effect.flip(write(folder, name, half)), "the store is gone")
      assert.strictEqual(yield* Effect.flip(write(folder, "other", half)), "the store is gone")
      yield* Effect.timeoutOption(
        write(folder, name, Stream.concat(Stream.make("half"), Stream.fromEffect(Effect.never))),
        "50 millis"
      )
      assert.strictEqual(readFileSync(path, "utf8"), "whole")
      assert.deepStrictEqual(readdirSync(folder), [name])
    })
  )

  it.scopedLive("is one of the texts, whole, when several write it at once", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const texts = ["a", "b", "c", "d"].map((letter) => letter.repeat(400_000))
      const parts = (whole: string) =>
        Stream.fromIterable(whole.match(/.{1,10000}/g) ?? []).pipe(Stream.tap(() => Effect.yieldNow()))
      yield* Effect.forEach(texts, (whole) => write(folder, name, parts(whole)), { concurrency: "unbounded" })
      assert.include(texts, readFileSync(join(folder, name), "utf8"))
      assert.deepStrictEqual(readdirSync(folder), [name])
    })
  )

  it.scopedLive("says which place cannot be written and what to do, and leaves it as it was", () =>
    Effect.gen(function* () {
      const around = yield* temporaryFolder
      const file = join(around, "file")
      writeFileSync(file, "a file")
      const taken = join(around, "taken")
      mkdirSync(join(taken, name), { recursive: true })
      for (const [folder, why] of [
        [file, /ENOTDIR|EEXIST/],
        [join(file, "exports"), /ENOTDIR/],
        [taken, /EISDIR|ENOTEMPTY|EEXIST/]
      ] as const) {
        const { code, message } = yield* Effect.flip(write(folder, name, Stream.make("text")))
        assert.strictEqual(code, "archive.failed")
        assert.isTrue(message.startsWith(folder), message)
        assert.match(message, why)
        assert.match(message, /nothing was deleted\. Free some space or make the folder writable/)
      }
      assert.strictEqual(readFileSync(file, "utf8"), "a file")
      assert.deepStrictEqual(drafts(taken), [])
    })
  )

  it.scopedLive(
    "is not there when the disk takes no more, and the half of it takes no room",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { stdout } = yield* writer(folder, 200, "64")
        const said = yield* Effect.promise(() => text(stdout))
        assert.match(said, /^archive\.failed .*task_1\.jsonl could not be written \(EFBIG.*nothing was deleted/)
        assert.deepStrictEqual(readdirSync(folder), [])
      }),
    60_000
  )

  it.scopedLive(
    "is not there after a writer was killed, and what that left neither counts nor stays for ever",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const child = yield* writer(folder, 1e9)
        yield* eventually(
          Effect.sync(() => drafts(folder).find((draft) => statSync(join(folder, draft)).size > 10_000))
        )
        child.kill("SIGKILL")
        yield* Effect.promise(() => (child.signalCode === null ? once(child, "close") : Promise.resolve([])))
        const [left = ""] = readdirSync(folder)
        assert.deepStrictEqual([existsSync(join(folder, name)), drafts(folder)], [false, [left]])

        const own = "notes.draft"
        writeFileSync(join(folder, own), "somebody's own file")
        utimesSync(join(folder, own), 1, 1)
        yield* write(folder, name, Stream.make("whole"))
        assert.strictEqual(readFileSync(join(folder, name), "utf8"), "whole")
        assert.sameMembers(readdirSync(folder), [name, own, left], "somebody may still write it")
        utimesSync(join(folder, left), 1, 1)
        yield* write(folder, name, Stream.make("whole"))
        assert.sameMembers(readdirSync(folder), [name, own])
      }),
    60_000
  )
})
