import { Clock, Effect, Option, Schema, Stream } from "effect"
import { TaskChanged } from "../domain/DispatchError.js"
import type { Task } from "../domain/Task.js"
import { RecordLine } from "../domain/TaskRecord.js"
import { Archive } from "../services/Archive.js"
import { Store } from "../services/Store.js"

const eventPage = 1_000
const logPage = 64_000

const encode = Schema.encodeSync(Schema.parseJson(RecordLine))

/**
 * Writes everything the store has of a task into a file; its path once it is there to stay. A record that changes or is
 * deleted while it is read makes no file, for that would be a part of it which takes the place of a whole copy.
 */
export const makeExport = Effect.gen(function* () {
  const store = yield* Store
  const archive = yield* Archive

  /** A page ends where a revision ends, for the next one begins behind it; some revisions have many events. */
  const events = (task: Task) =>
    Stream.paginateEffect({ afterRevision: 0, limit: eventPage }, ({ afterRevision, limit }) =>
      Effect.map(store.events(task.id, { afterRevision, limit }), (found) => {
        if (found.length < limit) return [found, Option.none()]
        const page = found.filter(({ revision }) => revision !== found.at(-1)?.revision)
        const last = page.at(-1)
        const next = last === undefined ? { afterRevision, limit: limit * 4 } : { afterRevision: last.revision, limit }
        return [page, Option.some(next)]
      })
    ).pipe(
      Stream.flattenIterables,
      Stream.map((event): RecordLine => ({ record: "event", event }))
    )

  const log = (task: Task) =>
    Stream.paginateEffect(0, (cursor) =>
      Effect.map(store.log(task.id, { cursor, limit: logPage }), ({ data, nextCursor }) => [
        { cursor, text: data },
        nextCursor > cursor ? Option.some(nextCursor) : Option.none()
      ])
    ).pipe(
      Stream.filter(({ text }) => text !== ""),
      Stream.map((piece): RecordLine => ({ record: "log", ...piece }))
    )

  const rest = (task: Task) =>
    Stream.fromIterableEffect(
      Effect.gen(function* () {
        const artifacts = yield* store.artifacts(task.id)
        const resources = yield* store.resources(task.id)
        const questions = yield* store.questions(task.id)
        return [
          ...artifacts.map((artifact): RecordLine => ({ record: "artifact", artifact })),
          ...resources.map((resource): RecordLine => ({ record: "resource", resource })),
          ...questions.map((question): RecordLine => ({ record: "question", question }))
        ]
      })
    )

  const unchanged = ({ id, logLength, revision }: Task) =>
    Effect.filterOrFail(
      store.find(id),
      (now) => now.revision === revision && now.logLength === logLength,
      () => new TaskChanged({ id })
    )

  return Effect.fn("sweep.export")(function* (task: Task, folder: string) {
    const exportedAt = yield* Clock.currentTimeMillis
    let lines = 0
    const text = Stream.make<[RecordLine]>({ record: "task", exportedAt, task }).pipe(
      Stream.concat(events(task)),
      Stream.concat(log(task)),
      Stream.concat(rest(task)),
      Stream.tap(() => Effect.sync(() => void lines++)),
      Stream.concat(Stream.fromEffect(Effect.map(unchanged(task), (): RecordLine => ({ record: "end", lines })))),
      Stream.map((line) => `${encode(line)}\n`)
    )
    return yield* archive.write(folder, `${task.id}.jsonl`, text)
  })
})
