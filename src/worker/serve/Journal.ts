import { createHash } from "node:crypto"
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Option, Schema } from "effect"
import { NewArtifact, TaskError } from "../../domain/Task.js"
import { Answer } from "../../domain/TaskQuestion.js"
import { WorkerState } from "../../domain/WorkerProtocol.js"
import { systemCode } from "../SystemProblem.js"

/** What is known of a task after the process that had it is gone. */
export const JournalRecord = Schema.Struct({
  v: Schema.Literal(1),
  taskId: Schema.String,
  startToken: Schema.String,
  boot: Schema.String,
  state: WorkerState,
  seq: Schema.Int,
  /** Its JSON text. */
  result: Schema.optional(Schema.String),
  artifacts: Schema.Array(NewArtifact),
  /** What the work was answered, by its questions' keys. */
  answers: Schema.optionalWith(Schema.Array(Schema.Struct({ key: Schema.String, answer: Answer })), {
    default: () => []
  }),
  error: Schema.optional(TaskError)
})
export type JournalRecord = typeof JournalRecord.Type

export class JournalFailed extends Schema.TaggedError<JournalFailed>()("JournalFailed", { problem: Schema.String }) {
  override get message() {
    return `The worker's journal cannot be written (${this.problem}). Look at AGENTDISPATCH_JOURNAL_DIR, its rights and its free space.`
  }
}

/** One file per task on a disk that outlives the process; without a folder it remembers nothing. */
export interface Journal {
  /** Resolves once the record would survive a loss of power. */
  readonly write: (record: JournalRecord) => Effect.Effect<void, JournalFailed>
  readonly find: (taskId: string) => Effect.Effect<JournalRecord | undefined>
  readonly taskIds: Effect.Effect<ReadonlyArray<string>>
}

const nothing: Journal = {
  write: () => Effect.void,
  find: () => Effect.succeed(undefined),
  taskIds: Effect.succeed([])
}

const suffix = ".task.json"

/** A task id as a file name: any text, one name, no way out of the folder. */
export const nameOf = (taskId: string): string => createHash("sha256").update(taskId).digest("hex").slice(0, 40)

const text = Schema.encode(Schema.parseJson(JournalRecord))
const decode = Schema.decodeUnknownOption(Schema.parseJson(JournalRecord))

export const makeJournal = (folder: string | undefined): Journal => {
  if (folder === undefined) return nothing
  const read = (name: string) =>
    Effect.promise(() => readFile(join(folder, name), "utf8").catch(() => "")).pipe(
      Effect.map((found) => Option.getOrUndefined(decode(found)))
    )
  return {
    write: (record) =>
      Effect.flatMap(Effect.orDie(text(record)), (line) =>
        Effect.tryPromise({
          try: () => replace(folder, `${nameOf(record.taskId)}${suffix}`, line),
          catch: (cause) => new JournalFailed({ problem: systemCode(cause) })
        })
      ).pipe(Effect.uninterruptible),
    find: (taskId) =>
      Effect.map(read(`${nameOf(taskId)}${suffix}`), (found) => (found?.taskId === taskId ? found : undefined)),
    taskIds: Effect.promise(() => readdir(folder).catch(() => [])).pipe(
      Effect.flatMap((names) =>
        Effect.forEach(
          names.filter((name) => name.endsWith(suffix)),
          read
        )
      ),
      Effect.map((found) => found.flatMap((record) => (record === undefined ? [] : [record.taskId])))
    )
  }
}

const replace = async (folder: string, name: string, line: string) => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const unfinished = join(folder, `${name}.part`)
  try {
    const file = await open(unfinished, "w", 0o600)
    await file
      .writeFile(line)
      .then(() => file.sync())
      .finally(() => file.close())
    await rename(unfinished, join(folder, name))
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined)
    throw error
  }
  const directory = await open(folder, "r")
  await directory.sync().finally(() => directory.close())
}
