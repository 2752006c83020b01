import { Context, Effect, Exit, Layer, Schema } from "effect"
import { type AdapterSpec, detailSchema, NoDetails, type StartSemantics } from "../../src/domain/AdapterSpec.js"
import { AdapterNotFound } from "../../src/domain/DispatchError.js"
import type { Resource, Task } from "../../src/domain/Task.js"
import {
  type Adapter,
  type AdapterFailure,
  Adapters,
  type Answered,
  type CancelProgress,
  type Observation,
  type Progress
} from "../../src/services/Adapter.js"
import { FarSide } from "./FarSide.js"

interface Answers {
  readonly prepare: Progress
  readonly provision: Progress
  readonly start: Progress
  readonly probe: "has it" | "never got it" | "cannot say"
  readonly observe: Observation
  readonly finish: void
  readonly cancel: CancelProgress
  readonly cleanup: ReadonlyArray<Resource>
  readonly answer: void
}
export type Operation = keyof Answers

/** What an operation does instead of, before or after its ordinary work. */
export type Behaviour<A> = (ordinary: Effect.Effect<A, AdapterFailure>, task: Task) => Effect.Effect<A, AdapterFailure>

export interface Call {
  readonly operation: Operation
  readonly task: Task["id"]
  readonly token: string | undefined
  end: "under way" | "succeeded" | "failed" | "interrupted" | "died"
}

export const semantics = ["idempotent", "probe", "once"] as const

/** An adapter that can be told what each operation does, and asked what it saw. */
export class Fake extends Context.Tag("test/Fake")<
  Fake,
  {
    readonly far: FarSide
    /** The next calls of an operation, one behaviour each; after them it is ordinary again. */
    readonly next: <K extends Operation>(operation: K, ...behaviours: ReadonlyArray<Behaviour<Answers[K]>>) => void
    /** All calls of an operation from now on; `ordinary` takes it back. */
    readonly always: <K extends Operation>(operation: K, behaviour: Behaviour<Answers[K]>) => void
    readonly calls: ReadonlyArray<Call>
    /** What the agent was answered, in order. */
    readonly answered: ReadonlyArray<Answered>
    readonly called: (operation: Operation) => number
  }
>() {}

export const failure = (given: Partial<AdapterFailure> = {}): AdapterFailure => ({
  code: "fake.failed",
  message: "the far side said no",
  retryable: false,
  delivery: "none",
  ...given
})

export const ordinary = <A>(effect: Effect.Effect<A, AdapterFailure>) => effect
export const fails =
  (given: Partial<AdapterFailure> = {}) =>
  () =>
    Effect.fail(failure(given))
/** The far side does it and the answer is lost on the way. */
export const failsAfter =
  (given: Partial<AdapterFailure> = {}) =>
  <A>(effect: Effect.Effect<A, AdapterFailure>) =>
    Effect.zipRight(effect, Effect.fail(failure({ delivery: "unknown", ...given })))
export const dies = () => Effect.die(new Error("the adapter is broken"))
export const throws = () => {
  throw new Error("the adapter is broken before it is an effect")
}
export const hangs = () => Effect.never
export const hangsAfter = <A>(effect: Effect.Effect<A, AdapterFailure>) => Effect.zipRight(effect, Effect.never)
export const answers =
  <A>(answer: A) =>
  () =>
    Effect.succeed(answer)

const specOf = (start: StartSemantics): AdapterSpec => ({
  name: `fake-${start}`,
  title: `A fake whose start is ${start}`,
  provider: "fake",
  capability: "agent-runtime",
  taskTypes: ["agent.run", "command.run"],
  targetModes: ["session", "runtime"],
  protocols: [],
  start,
  transport: "http",
  placement: "anywhere",
  maxConcurrent: 1_000,
  accountDetails: detailSchema(NoDetails),
  details: detailSchema(Schema.Struct({ maxConcurrent: Schema.optionalWith(Schema.Int, { exact: true }) })),
  callerDetails: [],
  needs: []
})

export const specs = semantics.map(specOf)

type Scripts = { readonly [K in Operation]: Array<Behaviour<Answers[K]>> }

const empty = (): Scripts => ({
  prepare: [],
  provision: [],
  start: [],
  probe: [],
  observe: [],
  finish: [],
  cancel: [],
  cleanup: [],
  answer: []
})

const make = Effect.sync(() => {
  const far = new FarSide()
  const calls: Array<Call> = []
  const answered: Array<Answered> = []
  const scripts = empty()
  const standing = empty()

  const perform = <K extends Operation>(operation: K, task: Task, usual: Effect.Effect<Answers[K], AdapterFailure>) => {
    const call: Call = { operation, task: task.id, token: task.startToken, end: "under way" }
    calls.push(call)
    const script: Array<Behaviour<Answers[K]>> = scripts[operation]
    const behaviour = script.shift() ?? standing[operation][0] ?? ordinary
    return Effect.onExit(behaviour(usual, task), (exit) => Effect.sync(() => void (call.end = endOf(exit))))
  }

  const machine = (task: Task, state: Resource["state"]): Resource => ({
    key: "machine",
    kind: "machine",
    ref: { name: `machine-of-${task.id}` },
    state
  })
  const wantsMachine = (task: Task) => task.request.target.mode === "runtime"

  const adapter = (spec: AdapterSpec): typeof Adapter.Service => ({
    spec,
    describe: ({ id }) => ({ sessionId: `session-of-${id}` }),
    check: () => Effect.succeed([{ name: "far side", status: "pass", message: "is there" }]),
    prepare: (task) =>
      perform("prepare", task, Effect.succeed(wantsMachine(task) ? { resources: [machine(task, "intended")] } : {})),
    provision: (task) =>
      perform(
        "provision",
        task,
        Effect.sync(() => {
          far.make(`machine-of-${task.id}`)
          return { resources: [machine(task, "created")], entries: [{ type: "runtime.provisioned" }] }
        })
      ),
    start: (task) =>
      perform(
        "start",
        task,
        Effect.sync(() => {
          far.begin(task, spec.start === "idempotent")
          return { providerRefs: { token: task.startToken ?? "" } }
        })
      ),
    probe: (task) =>
      perform(
        "probe",
        task,
        Effect.sync(() => (far.knows(task) ? "has it" : "never got it"))
      ),
    observe: (task) =>
      perform(
        "observe",
        task,
        Effect.sync(() => far.observe(task))
      ),
    finish: (task) => perform("finish", task, Effect.void),
    cancel: (task) =>
      perform(
        "cancel",
        task,
        Effect.sync(() => far.stop(task))
      ),
    cleanup: (task, resources) =>
      perform(
        "cleanup",
        task,
        Effect.sync(() => {
          far.remove(`machine-of-${task.id}`)
          return resources.map((resource) => ({ ...resource, state: "gone" }))
        })
      ),
    answer: (task, question) =>
      perform(
        "answer",
        task,
        Effect.sync(() => void answered.push(question))
      ),
    remnants: () => Effect.sync(() => (spec.start === "once" ? far.remnants : [])),
    reap: (remnant) =>
      Effect.as(
        Effect.delay(
          Effect.sync(() => far.reap(remnant)),
          "1 second"
        ),
        { state: "gone" }
      )
  })

  const built = new Map(specs.map((spec) => [spec.name, adapter(spec)]))
  const adapters: typeof Adapters.Service = {
    specs,
    find: (name) => {
      const found = built.get(name)
      return found === undefined
        ? Effect.fail(new AdapterNotFound({ name, known: [...built.keys()] }))
        : Effect.succeed(found)
    }
  }
  const fake: typeof Fake.Service = {
    far,
    calls,
    answered,
    called: (operation) => calls.filter((call) => call.operation === operation).length,
    next: (operation, ...behaviours) => void scripts[operation].push(...behaviours),
    always: (operation, behaviour) => void standing[operation].unshift(behaviour)
  }
  return Context.make(Fake, fake).pipe(Context.add(Adapters, adapters))
})

const endOf = (exit: Exit.Exit<unknown, AdapterFailure>): Call["end"] => {
  if (Exit.isSuccess(exit)) return "succeeded"
  if (Exit.isInterrupted(exit)) return "interrupted"
  return exit.cause._tag === "Fail" ? "failed" : "died"
}

/** Three adapters, one for each way a start can behave, over one far side. */
export const layer = Layer.effectContext(make)
