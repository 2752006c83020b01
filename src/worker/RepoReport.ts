import { basename, resolve } from "node:path"
import { Clock, Effect, Schema } from "effect"
import { writeArtifact } from "./ArtifactFolder.js"
import { displayName } from "./FileName.js"
import { scanFile } from "./FileScan.js"
import type { Job } from "./Framework.js"
import { decodeContext } from "./JobContext.js"
import { listFiles } from "./RepoFiles.js"
import { repoTally } from "./RepoFigures.js"
import { reportMarkdown } from "./ReportMarkdown.js"

const RepoReportContext = Schema.Struct({
  /** The folder to read; the worker's own when left out. */
  path: Schema.optional(Schema.NonEmptyString),
  /** Time to take per file, in milliseconds, for those who want to watch. */
  paceMs: Schema.optionalWith(Schema.Int.pipe(Schema.between(0, 60_000)), { default: () => 0 })
})

const progressEveryMs = 250
const unreadableShown = 5
const answered = { largest: 5, todos: 20 }

/** Reads a repository and reports what is in it: a summary as output, the whole as a Markdown artifact. */
export const repoReport = Effect.fn("worker.repoReport")(function* (job: Job) {
  const { path, paceMs } = yield* decodeContext(RepoReportContext, job.context)
  const folder = resolve(job.cwd, path ?? ".")
  const { root, names, closed, listedBy } = yield* listFiles(folder, job.env)
  yield* job.emit({
    type: "task.log",
    message: `${names.length} files in ${displayName(root)}, listed by ${listedBy}.`
  })

  const tally = repoTally()
  let [filesDone, bytesRead] = [0, 0]
  const report = Effect.suspend(() =>
    job.emit({
      type: "task.progress",
      message: `${filesDone} of ${names.length} files`,
      payload: { filesDone, filesTotal: names.length, bytesRead }
    })
  )
  const leaveOut = (problem: string) =>
    tally.leftOut() > unreadableShown
      ? Effect.void
      : job.emit({ type: "task.log", message: `Not counted: ${problem}.` })
  yield* Effect.forEach(closed, leaveOut, { discard: true })

  const progress = yield* atMostEvery(progressEveryMs, report)
  for (const name of names) {
    const scanned = scanFile(
      root,
      name,
      (mark) => tally.mark(name, mark),
      (bytes) => {
        bytesRead += bytes
        return progress
      }
    )
    yield* scanned.pipe(
      Effect.map((figures) => (figures === undefined ? undefined : tally.file(name, figures))),
      Effect.catchTag("FileUnreadable", (error) => leaveOut(error.message))
    )
    filesDone++
    yield* progress
    if (paceMs > 0) yield* Effect.sleep(paceMs)
  }
  yield* report

  const figures = tally.figures()
  const artifactDir = job.env["AGENTDISPATCH_ARTIFACT_DIR"] ?? ""
  const title = displayName(Buffer.from(basename(folder)))
  return {
    output: {
      ...figures,
      largest: figures.largest.slice(0, answered.largest),
      todos: figures.todos.slice(0, answered.todos)
    },
    artifacts:
      artifactDir === ""
        ? []
        : [
            yield* writeArtifact(
              artifactDir,
              "repo-report.md",
              "report",
              "text/markdown",
              reportMarkdown(title, figures)
            )
          ]
  }
})

/** Runs `report` now, and later only where `everyMs` have passed since it last ran. */
const atMostEvery = <E>(everyMs: number, report: Effect.Effect<void, E>) =>
  Effect.sync(() => {
    let last = Number.NEGATIVE_INFINITY
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - last < everyMs) return Effect.void
      last = now
      return report
    })
  })
