import { Effect, Ref } from "effect"
import { type RoutedRequest, type Task, TaskId } from "../../src/domain/Task.js"
import { type Basis, type Change, Store } from "../../src/services/Store.js"

/** A request that routes nowhere: the store never looks into it. */
export const someRequest = (given: Partial<RoutedRequest> = {}): RoutedRequest => ({
  provider: "local",
  accountProfile: "here",
  account: {},
  capability: "agent-runtime",
  backend: "desk",
  adapter: "local-process",
  taskType: "agent.run",
  target: { mode: "session" },
  details: {},
  input: { instruction: "look around" },
  ...given
})

const counter = Ref.unsafeMake(0)

export const nextId = Effect.map(
  Ref.updateAndGet(counter, (n) => n + 1),
  (n) => TaskId.make(`task_${n.toString().padStart(26, "0")}`)
)

/** Creates a task. */
export const accepted = Effect.fnUntraced(function* (given: Partial<RoutedRequest> = {}) {
  const store = yield* Store
  const { task } = yield* store.create({ id: yield* nextId, request: someRequest(given) })
  return task
})

/** Creates a task and applies the changes one after the other. */
export const advanced = Effect.fnUntraced(function* (...changes: ReadonlyArray<Change>) {
  const store = yield* Store
  let task = yield* accepted()
  for (const change of changes) task = yield* store.commit(task, change)
  return task
})

/** The task as it is now. */
export const current = ({ id }: Pick<Task, "id">) => Effect.flatMap(Store, (store) => store.find(id))

/** A change on top of whatever the task is now. */
export const apply = (basis: Pick<Basis, "id">, change: Change) =>
  Effect.flatMap(Store, (store) => Effect.flatMap(store.find(basis.id), (task) => store.commit(task, change)))
