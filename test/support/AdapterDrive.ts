import { randomBytes } from "node:crypto"
import { Effect, Layer, Schema } from "effect"
import { JsonText } from "../../src/domain/Json.js"
import {
  type NewArtifact,
  type Outcome,
  type Resource,
  type RoutedRequest,
  type Task,
  TaskId
} from "../../src/domain/Task.js"
import { Adapter, type AdapterFailure, type Progress } from "../../src/services/Adapter.js"
import { spell } from "../../src/services/Ids.js"
import type { Entry } from "../../src/services/Store.js"

type AdapterLayer = Layer.Layer<Adapter>

/** One call on an adapter that is built for it and forgotten afterwards. */
export const call = <A, E>(
  layer: AdapterLayer,
  use: (adapter: typeof Adapter.Service) => Effect.Effect<A, E>
): Effect.Effect<A, E> => Effect.provide(Effect.flatMap(Adapter, use), Layer.fresh(layer))

/** A task that is about to start for the first time. */
export const draft = (request: RoutedRequest): Task => ({
  id: TaskId.make(`task_${spell(randomBytes(26))}`),
  status: "starting",
  revision: 1,
  epoch: 1,
  request,
  attempt: 1,
  startToken: spell(randomBytes(26)),
  providerRefs: {},
  logLength: 0,
  settled: false,
  createdAt: 0,
  updatedAt: 0
})

export interface Begun {
  readonly task: Task
  readonly resources: ReadonlyArray<Resource>
}

/** Prepares, provisions and starts, keeping what each step told. */
export const begin = Effect.fnUntraced(function* (layer: AdapterLayer, task: Task) {
  let begun: Begun = { task, resources: [] }
  const { mode } = task.request.target
  for (const step of mode === "runtime"
    ? (["prepare", "provision", "start"] as const)
    : (["prepare", "start"] as const)) {
    const { task: current } = begun
    begun = learnt(begun, yield* call(layer, (adapter) => adapter[step](current)))
  }
  return begun
})

const learnt = ({ task, resources }: Begun, { providerRefs, cloudAgent, resources: news = [] }: Progress): Begun => ({
  task: {
    ...task,
    providerRefs: { ...task.providerRefs, ...providerRefs },
    ...(cloudAgent === undefined ? {} : { cloudAgent })
  },
  resources: [...resources.filter(({ key }) => !news.some((resource) => resource.key === key)), ...news]
})

export interface Watched {
  readonly entries: ReadonlyArray<Entry>
  readonly artifacts: ReadonlyArray<NewArtifact>
  readonly outcome: Outcome
  readonly task: Task
  /** Observations it took. */
  readonly looks: number
}

/** Observes to the end, the cursor going through JSON each time; a forgetful watcher loses every first answer. */
export const watch = (
  layer: AdapterLayer,
  task: Task,
  options: { readonly forgetful?: boolean } = {}
): Effect.Effect<Watched, AdapterFailure> =>
  Effect.gen(function* () {
    const entries: Array<Entry> = []
    const artifacts: Array<NewArtifact> = []
    let current = task
    for (let looks = 1; ; looks++) {
      const look = call(layer, (adapter) => adapter.observe(current))
      if (options.forgetful === true) yield* look
      const observation = yield* look
      entries.push(...observation.entries)
      artifacts.push(...(observation.artifacts ?? []))
      const cursor = yield* Effect.orDie(
        Effect.flatMap(Schema.encode(JsonText)(observation.cursor), Schema.decode(JsonText))
      )
      current = { ...current, cursor }
      if (observation.outcome !== undefined)
        return { entries, artifacts, outcome: observation.outcome, task: current, looks }
      yield* Effect.sleep(Math.min(observation.pollAfter, 250))
    }
  }).pipe(Effect.timeoutFail({ duration: "40 seconds", onTimeout: () => overdue("the work did not end") }))

/** Asks for a cancel until it is decided. */
export const cancelled = (layer: AdapterLayer, task: Task): Effect.Effect<"stopped" | "finished", AdapterFailure> =>
  Effect.gen(function* () {
    for (;;) {
      const progress = yield* call(layer, (adapter) => adapter.cancel(task))
      if (progress.state !== "stopping") return progress.state
      yield* Effect.sleep(progress.pollAfter)
    }
  }).pipe(Effect.timeoutFail({ duration: "40 seconds", onTimeout: () => overdue("the cancel was not decided") }))

/** Cleans up until everything is gone, and once more, which must change nothing. */
export const cleaned = (
  layer: AdapterLayer,
  task: Task,
  resources: ReadonlyArray<Resource>
): Effect.Effect<ReadonlyArray<Resource>, AdapterFailure> =>
  Effect.gen(function* () {
    let left = resources
    do left = yield* call(layer, (adapter) => adapter.cleanup(task, left))
    while (left.some(({ state }) => state !== "gone"))
    return yield* call(layer, (adapter) => adapter.cleanup(task, left))
  }).pipe(Effect.timeoutFail({ duration: "40 seconds", onTimeout: () => overdue("the resources did not go") }))

/** The log as a caller reads it, line by line. */
export const linesOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  entries
    .map((entry) => ("log" in entry ? entry.log : entry.type === "task.log" ? `${entry.message ?? ""}\n` : ""))
    .join("")
    .split("\n")
    .filter((line) => line !== "")

/** The kinds of events, in order, but for heartbeats and log lines. */
export const eventsOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  entries.flatMap((entry) =>
    "log" in entry || entry.type === "task.log" || entry.type === "task.heartbeat" ? [] : [entry.type]
  )

const overdue = (message: string): AdapterFailure => ({
  code: "test.overdue",
  message,
  retryable: false,
  delivery: "unknown"
})
