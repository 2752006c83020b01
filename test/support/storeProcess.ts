import { stdout } from "node:process"
import { Effect } from "effect"
import type { StoreFailed, TaskNotFound } from "../../src/domain/DispatchError.js"
import { TaskId } from "../../src/domain/Task.js"
import { Store } from "../../src/services/Store.js"
import { someRequest } from "./SomeTask.js"
import { storeAtUrl } from "./PostgresStore.js"
import { storeAt } from "./StateFolder.js"

/**
 * A process that writes to a state folder, or the database of a URL, and says what it was told is written:
 * `PLACE NAME SHARED COMMITS`. Each
 * round creates a task of its own and counts one up in the shared task, whoever else does the same. With a limit as
 * fifth word a round only tries to create, under a rule that lets so many in an hour.
 */
const [place = "", name = "0", shared = "", commits = "0", limit] = process.argv.slice(2)

const say = (line: string) => Effect.sync(() => stdout.write(`${line}\n`))

const countUp = (store: typeof Store.Service): Effect.Effect<number, StoreFailed | TaskNotFound> =>
  Effect.gen(function* () {
    const task = yield* store.find(TaskId.make(shared))
    const count = Number(task.providerRefs["count"] ?? 0) + 1
    yield* store.commit(task, {
      providerRefs: { count },
      entries: [{ log: "🧪".repeat(3_000) }, { type: "task.progress", message: name }]
    })
    return count
  }).pipe(Effect.catchTag("TaskChanged", () => countUp(store)))

const rounds = Effect.gen(function* () {
  const store = yield* Store
  yield* store.create({
    id: TaskId.make(shared),
    request: someRequest(),
    idempotency: { key: "shared", fingerprint: "shared" }
  })
  yield* say("ready")
  for (let round = 0; round < Number(commits); round++) {
    const id = TaskId.make(`task_${name}${round.toString().padStart(25, "0")}`)
    if (limit !== undefined) {
      const quotas = [{ rule: "shared", perHour: Number(limit), concurrent: Number(limit) }]
      const tried = yield* Effect.either(store.create({ id, request: someRequest(), quotas }))
      yield* say(tried._tag === "Right" ? `created ${id}` : `refused ${tried.left._tag}`)
      continue
    }
    yield* store.create({ id, request: someRequest() })
    yield* say(`created ${id}`)
    yield* say(`counted ${yield* countUp(store)}`)
  }
})

Effect.runPromise(Effect.provide(rounds, place.startsWith("postgres:") ? storeAtUrl(place) : storeAt(place))).then(
  () => stdout.write("done\n"),
  (error: unknown) => {
    stdout.write(`failed ${String(error)}\n`)
    process.exitCode = 1
  }
)
