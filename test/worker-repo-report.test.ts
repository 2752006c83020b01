import { execFileSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Schema } from "effect"
import type { WorkerResponse } from "../src/domain/WorkerEvent.js"
import { errorOf, report, runWorker } from "./support/WorkerProcess.js"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "worker-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@example.org", ...args], { cwd, stdio: "ignore" })

const Figures = Schema.Struct({
  files: Schema.Int,
  lines: Schema.Int,
  bytes: Schema.Int,
  binaryFiles: Schema.Int,
  unreadable: Schema.Int,
  languages: Schema.Array(Schema.Struct({ language: Schema.String, files: Schema.Int, lines: Schema.Int })),
  largest: Schema.Array(Schema.Struct({ file: Schema.String, bytes: Schema.Int })),
  todos: Schema.Array(Schema.Struct({ file: Schema.String, line: Schema.Int, text: Schema.String })),
  todoCount: Schema.Int
})
const figuresOf = (response: WorkerResponse) =>
  Schema.decodeUnknownSync(Figures)(response.output, { onExcessProperty: "error" })

/** 5 files that count: 2 + 3 + 1 + 0 lines of text and one binary. */
const knownTree = (root: string) => {
  mkdirSync(join(root, "src"))
  mkdirSync(join(root, "node_modules/left-pad"), { recursive: true })
  writeFileSync(join(root, "src/a.ts"), "const a = 1\n// TODO: b\n")
  writeFileSync(join(root, "src/b.py"), "# FIXME | `now`\n\nprint(1)")
  writeFileSync(join(root, "README.md"), "TODOS are no TODO_item\n")
  writeFileSync(join(root, "empty.txt"), "")
  writeFileSync(join(root, "logo.png"), Buffer.from([1, 0, 10, 10, 2]))
  writeFileSync(join(root, "node_modules/left-pad/index.js"), "TODO\n")
}
const knownFigures = {
  files: 5,
  lines: 6,
  bytes: 23 + 25 + 23 + 0 + 5,
  binaryFiles: 1,
  unreadable: 0,
  languages: [
    { language: "Python", files: 1, lines: 3 },
    { language: "TypeScript", files: 1, lines: 2 },
    { language: "Markdown", files: 1, lines: 1 },
    { language: "Text", files: 1, lines: 0 }
  ],
  largest: [
    { file: "src/b.py", bytes: 25 },
    { file: "README.md", bytes: 23 },
    { file: "src/a.ts", bytes: 23 },
    { file: "logo.png", bytes: 5 },
    { file: "empty.txt", bytes: 0 }
  ],
  todos: [
    { file: "src/a.ts", line: 2, text: "// TODO: b" },
    { file: "src/b.py", line: 1, text: "# FIXME | `now`" }
  ],
  todoCount: 2
}

describe("the worker, framework repo-report", () => {
  it.scopedLive("counts a folder without git, leaving out what is fetched or built", () =>
    Effect.gen(function* () {
      const root = yield* folder
      knownTree(root)
      mkdirSync(join(root, "dist"))
      writeFileSync(join(root, "dist/out.js"), "TODO\n")
      const { code, events, response } = yield* runWorker({ stdin: report(root) })
      assert.deepStrictEqual(figuresOf(response), knownFigures)
      assert.deepStrictEqual(response.artifacts, [])
      assert.include(events[0]?.message, "listed by a walk of the folders")
      assert.deepStrictEqual(events.at(-1)?.payload, { filesDone: 5, filesTotal: 5, bytesRead: knownFigures.bytes - 5 })
      assert.strictEqual(code, 0)
    })
  )

  it.scopedLive("counts what git tracks or would track, and runs nothing the repository names", () =>
    Effect.gen(function* () {
      const root = yield* folder
      knownTree(root)
      const ran = join(root, "ignored", "ran")
      mkdirSync(join(root, "ignored"))
      git(root, "init", "-q")
      writeFileSync(join(root, ".git/info/exclude"), "ignored/\ngone.c\n")
      writeFileSync(join(root, "gone.c"), "TODO\n")
      git(root, "add", "-f", "src/a.ts", "gone.c")
      git(root, "commit", "-q", "-m", "first")
      rmSync(join(root, "gone.c"))
      writeFileSync(join(root, "fsmonitor"), `#!/bin/sh\ntouch "${ran}"\n`, { mode: 0o755 })
      git(root, "config", "core.fsmonitor", join(root, "fsmonitor"))
      const { events, response } = yield* runWorker({ stdin: report(".", {}), cwd: root })
      assert.include(events[0]?.message, "listed by git")
      const figures = figuresOf(response)
      assert.deepStrictEqual([figures.files, figures.lines, figures.todos], [6, 8, knownFigures.todos])
      assert.deepStrictEqual(readdirSync(join(root, "ignored")), [])
    })
  )

  it.scopedLive("leaves a Markdown report in the artifact folder, whole and under its own name", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const artifacts = join(yield* folder, "of this task")
      knownTree(root)
      const { response } = yield* runWorker({ stdin: report(root), env: { AGENTDISPATCH_ARTIFACT_DIR: artifacts } })
      const written = readFileSync(join(artifacts, "repo-report.md"))
      assert.deepStrictEqual(response.artifacts, [
        {
          uri: pathToFileURL(join(artifacts, "repo-report.md")).href,
          kind: "report",
          contentType: "text/markdown",
          sizeBytes: written.length
        }
      ])
      assert.deepStrictEqual(readdirSync(artifacts), ["repo-report.md"])
      assert.include(written.toString(), "5 files, 6 lines, 76 bytes.")
      assert.include(written.toString(), "| src/b.py:1 | \\# FIXME \\| \\`now\\` |")
    })
  )

  it.scopedLive("says so when the artifact folder cannot be written", () =>
    Effect.gen(function* () {
      const root = yield* folder
      knownTree(root)
      const { code, response } = yield* runWorker({
        stdin: report(root),
        env: { AGENTDISPATCH_ARTIFACT_DIR: join(root, "README.md") }
      })
      assert.deepStrictEqual([errorOf(response).code, code], ["worker.artifact_not_written", 1])
    })
  )

  it.scopedLive("does not follow links out of the folder", () =>
    Effect.gen(function* () {
      const outside = yield* folder
      const root = yield* folder
      writeFileSync(join(outside, "secret.txt"), "TODO secret\n")
      git(root, "init", "-q")
      mkdirSync(join(root, "was-a-folder"))
      writeFileSync(join(root, "was-a-folder/secret.txt"), "old\n")
      git(root, "add", ".")
      rmSync(join(root, "was-a-folder"), { recursive: true })
      symlinkSync(outside, join(root, "was-a-folder"))
      symlinkSync(join(outside, "secret.txt"), join(root, "link.txt"))
      symlinkSync(root, join(root, "circle"))
      writeFileSync(join(root, "own.txt"), "one\n")
      const byGit = figuresOf((yield* runWorker({ stdin: report(root) })).response)
      rmSync(join(root, ".git"), { recursive: true })
      const byWalk = figuresOf((yield* runWorker({ stdin: report(root) })).response)
      assert.deepStrictEqual([byGit.files, byGit.lines, byGit.todoCount], [1, 1, 0])
      assert.deepStrictEqual(byWalk, byGit)
    })
  )

  it.scopedLive.skipIf(process.platform !== "linux")("reads and names files whose names are no UTF-8", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const named = (name: string) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, "latin1")])
      writeFileSync(named("caf\u00e9.py"), "# TODO\n")
      writeFileSync(named("two\nlines|.py"), "1\n")
      const walked = figuresOf((yield* runWorker({ stdin: report(root) })).response)
      git(root, "init", "-q")
      const listed = figuresOf((yield* runWorker({ stdin: report(root) })).response)
      assert.deepStrictEqual(walked.todos, [{ file: "caf\\xe9.py", line: 1, text: "# TODO" }])
      assert.deepStrictEqual(
        walked.largest.map((of) => of.file),
        ["caf\\xe9.py", "two\\u000alines|.py"]
      )
      assert.deepStrictEqual(listed, walked)
    })
  )

  it.scopedLive("reads a line of 50 MB in memory that does not grow with it", () =>
    Effect.gen(function* () {
      const root = yield* folder
      writeFileSync(join(root, "small.js"), "1\n")
      const peak = {
        node: [
          "--import",
          "data:text/javascript,process.on('exit',()=>console.error('peak='+process.resourceUsage().maxRSS))"
        ]
      }
      const peakOf = (stderr: string) => Number(/peak=(\d+)/.exec(stderr)?.[1])
      const small = yield* runWorker({ stdin: report(root), ...peak })
      writeFileSync(join(root, "big.js"), Buffer.alloc(50_000_000, "x// TODO "))
      const big = yield* runWorker({ stdin: report(root), ...peak })
      const { lines, todoCount, todos } = figuresOf(big.response)
      assert.deepStrictEqual([lines, todoCount], [2, 1])
      assert.isAtMost(todos[0]?.text.length ?? Number.POSITIVE_INFINITY, 120)
      assert.isBelow(peakOf(big.stderr) - peakOf(small.stderr), 40_000)
    })
  )

  it.scopedLive("tells of its progress at most about four times a second and ends promptly on SIGTERM", () =>
    Effect.gen(function* () {
      const root = yield* folder
      for (let n = 0; n < 300; n++) writeFileSync(join(root, `${n}.txt`), "x\n")
      const times: Array<number> = []
      const clock = yield* Effect.clock
      let stopAt = 0
      const { code, events, response } = yield* runWorker({
        stdin: report(root, { paceMs: 20 }),
        onLine: (line, kill) => {
          if (!line.includes("task.progress")) return
          times.push(clock.unsafeCurrentTimeMillis())
          if (times.length === 5) {
            stopAt = clock.unsafeCurrentTimeMillis()
            kill("SIGTERM")
          }
        }
      })
      assert.isBelow((yield* Clock.currentTimeMillis) - stopAt, 2000)
      assert.isAtLeast((times[4] ?? 0) - (times[0] ?? 0), 4 * 200)
      assert.isBelow(events.length, 8)
      assert.deepStrictEqual(
        [errorOf(response).code, errorOf(response).retryable, code],
        ["worker.terminated", true, 1]
      )
      assert.include(errorOf(response).message, "SIGTERM")
    })
  )

  it.scopedLive("ends promptly on SIGTERM within one huge file, leaving no half report", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const artifacts = yield* folder
      // Sparse and without a zero byte at its start, so it is read on and on.
      writeFileSync(join(root, "huge.txt"), "x".repeat(10_000))
      truncateSync(join(root, "huge.txt"), 50_000_000_000)
      const { code, response } = yield* runWorker({
        stdin: report(root),
        env: { AGENTDISPATCH_ARTIFACT_DIR: artifacts },
        onLine: (line, kill) => (line.includes("task.progress") ? kill("SIGTERM") : undefined)
      })
      assert.deepStrictEqual([errorOf(response).code, code], ["worker.terminated", 1])
      assert.deepStrictEqual(readdirSync(artifacts), [])
    })
  )
})
