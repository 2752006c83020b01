import { Clock, Effect, Layer, Schema } from "effect"
import { type AdapterSpec, detailSchema, NoDetails } from "../../src/domain/AdapterSpec.js"
import { AdapterNotFound } from "../../src/domain/DispatchError.js"
import { JsonObject } from "../../src/domain/Json.js"
import type { Task } from "../../src/domain/Task.js"
import type { Answer } from "../../src/domain/TaskQuestion.js"
import { type Adapter, Adapters, type Observation } from "../../src/services/Adapter.js"

/** What the work of a task does: compute for a while, fail, break its adapter, or ask and end once it is answered. */
export const Job = Schema.Struct({
  job: Schema.Literal("compute", "fail", "break", "ask"),
  seconds: Schema.Number,
  result: JsonObject,
  questions: Schema.Array(
    Schema.Struct({ key: Schema.String, message: Schema.String, fields: Schema.Array(JsonObject) })
  )
})
export type Job = typeof Job.Type

const spec: AdapterSpec = {
  name: "scripted",
  title: "Work that does as its input says",
  provider: "fixture",
  capability: "agent-runtime",
  taskTypes: ["agent.run"],
  targetModes: ["session"],
  protocols: [],
  start: "idempotent",
  transport: "http",
  placement: "anywhere",
  maxConcurrent: 1_000,
  accountDetails: detailSchema(NoDetails),
  details: detailSchema(NoDetails),
  callerDetails: [],
  needs: []
}

/** What the far side remembers of one start. */
interface Work {
  readonly since: number
  readonly answers: Map<string, Answer["action"]>
}

const jobOf = Schema.decodeUnknownSync(Job)
/** How often it is worth looking, in milliseconds. */
const pace = 200

const adapter = (works: Map<string, Work>): typeof Adapter.Service => {
  const observe = (task: Task, now: number): Observation => {
    const { job, questions, result, seconds } = jobOf(task.request.input)
    const work = works.get(task.startToken ?? "")
    if (work === undefined) return { entries: [], cursor: task.cursor ?? null, pollAfter: pace }
    if (job === "ask" && task.cursor !== "asked") {
      const entries = questions.map(({ fields, key, message }) => ({
        type: "task.input_required" as const,
        message,
        payload: { key, fields }
      }))
      return { entries, cursor: "asked", pollAfter: 0 }
    }
    const cursor = task.cursor ?? null
    const left = work.since + seconds * 1_000 - now
    if (left > 0 || work.answers.size < questions.length)
      return { entries: [], cursor, pollAfter: Math.max(1, Math.min(pace, left)) }
    if (job === "break") throw new Error("the adapter breaks down, as it was told to")
    const outcome =
      job === "fail"
        ? { ok: false as const, error: { code: "fixture.failed", message: "the work failed, as it was told to" } }
        : { ok: true as const, result: { ...result, answers: Object.fromEntries(work.answers) } }
    return { entries: [], cursor, pollAfter: 0, outcome }
  }
  return {
    spec,
    describe: () => undefined,
    check: () => Effect.succeed([]),
    prepare: () => Effect.succeed({}),
    provision: () => Effect.succeed({}),
    start: ({ startToken = "" }) =>
      Effect.map(Clock.currentTimeMillis, (since) => {
        if (!works.has(startToken)) works.set(startToken, { since, answers: new Map() })
        return {}
      }),
    probe: () => Effect.succeed("cannot say"),
    observe: (task) => Effect.map(Clock.currentTimeMillis, (now) => observe(task, now)),
    finish: () => Effect.void,
    cancel: () => Effect.succeed({ state: "stopped", drained: true }),
    cleanup: (_, resources) => Effect.succeed(resources),
    answer: ({ startToken = "" }, { answer, key }) =>
      Effect.sync(() => void works.get(startToken)?.answers.set(key, answer.action))
  }
}

/** The one backend of the fixture server. */
export const layer = Layer.sync(Adapters, () => {
  const scripted = adapter(new Map())
  return {
    specs: [spec],
    find: (name: string) =>
      name === spec.name ? Effect.succeed(scripted) : Effect.fail(new AdapterNotFound({ name, known: [spec.name] }))
  }
})
