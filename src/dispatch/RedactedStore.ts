import { Effect, Layer } from "effect"
import type { Json, JsonObject } from "../domain/Json.js"
import { isTerminal } from "../domain/Lifecycle.js"
import { type Held, heldAfter } from "../domain/Redaction.js"
import type { NewArtifact, Outcome, TaskError, TaskId } from "../domain/Task.js"
import { type Redaction, Redactor } from "../services/Redactor.js"
import { type Change, type Entry, Store } from "../services/Store.js"

/** How far back a log says whether it ends within a private key. */
const tail = 256

interface Kept {
  readonly epoch: number
  readonly held: Held
  readonly logLength: number
  /** The last commit said what became of it. */
  readonly sure: boolean
}

/**
 * A store that is given no secret. What a task's log holds back for want of the end of its line is kept in this
 * process and goes into the commit that ends the work; if the process dies before, that part of a line is lost, and
 * whether the log is within a private key is read from its end. Requests are not changed: one with a secret is refused
 * before it comes here.
 */
export const layer = Layer.effect(
  Store,
  Effect.gen(function* () {
    const store = yield* Store
    const redactor = yield* Redactor
    const keptOf = new Map<TaskId, Kept>()

    /** What the last commit here left, or what the log's end tells where another owner has written since. */
    const standing = Effect.fnUntraced(function* (id: TaskId, epoch: number) {
      const kept = keptOf.get(id)
      const ours = kept?.epoch === epoch
      if (ours && kept.sure) return { held: kept.held, over: false }
      const task = yield* store.find(id)
      if (ours && kept.logLength === task.logLength) return { held: kept.held, over: isTerminal(task.status) }
      const { data } = yield* store.log(id, { cursor: Math.max(0, task.logLength - tail), limit: tail })
      return { held: heldAfter(data), over: isTerminal(task.status) }
    })

    const commit: typeof store.commit = Effect.fnUntraced(function* (basis, change) {
      const clean = cleaned(redactor, change)
      const ends = change.outcome !== undefined || endings.has(change.transition ?? "run")
      const known = keptOf.get(basis.id)
      if (!(change.entries ?? []).some(isLog) && !(ends && known !== undefined)) {
        return yield* store.commit(basis, clean)
      }
      const { held, over } = yield* Effect.catchTag(standing(basis.id, basis.epoch), "TaskNotFound", () =>
        Effect.succeed({ held: heldAfter(""), over: true })
      )
      const stream = redactor.stream(held)
      const entries = (change.entries ?? []).map((entry) => throughStream(entry, stream.push, redactor))
      const rest = ends || over ? stream.end() : ""
      if (known !== undefined) keptOf.set(basis.id, { ...known, sure: false })
      const task = yield* store.commit(basis, {
        ...clean,
        entries: rest === "" ? entries : [...entries, { log: rest }]
      })
      if (ends || over) keptOf.delete(basis.id)
      else keptOf.set(basis.id, { epoch: basis.epoch, held: stream.held(), logLength: task.logLength, sure: true })
      return task
    })

    return {
      ...store,
      create: (task) =>
        store.create({
          ...task,
          ...(task.cloudAgent === undefined ? {} : { cloudAgent: object(redactor.json, task.cloudAgent) })
        }),
      commit
    }
  })
)

const endings = new Set<string>(["finish", "succeed", "fail", "stopped"])

const isLog = (entry: Entry): boolean => "log" in entry || entry.type === "task.log"

/** A `task.log` event's message is a line of the log; one that lies within a private key leaves nothing. */
const throughStream = (entry: Entry, push: (text: string) => string, redactor: Redaction): Entry => {
  if ("log" in entry) return { log: push(entry.log) }
  const { message, ...rest } = entry
  if (entry.type !== "task.log" || message === undefined) return cleanEntry(redactor, entry)
  const line = push(`${message}\n`)
  return cleanEntry(redactor, line === "" ? rest : { ...rest, message: line.replace(/\n$/, "") })
}

/** Everything but log text. What an adapter needs to find its work again loses only what is a secret of this machine. */
const cleaned = (redactor: Redaction, change: Change): Change => ({
  ...change,
  ...(change.entries === undefined ? {} : { entries: change.entries.map((entry) => cleanEntry(redactor, entry)) }),
  ...(change.providerRefs === undefined ? {} : { providerRefs: object(redactor.known, change.providerRefs) }),
  ...(change.cursor === undefined ? {} : { cursor: redactor.known(change.cursor) }),
  ...(change.resources === undefined
    ? {}
    : { resources: change.resources.map((resource) => ({ ...resource, ref: object(redactor.known, resource.ref) })) }),
  ...(change.cloudAgent === undefined ? {} : { cloudAgent: object(redactor.json, change.cloudAgent) }),
  ...(change.outcome === undefined ? {} : { outcome: cleanOutcome(redactor, change.outcome) }),
  ...(change.error === undefined ? {} : { error: cleanError(redactor, change.error) }),
  ...(change.questions === undefined
    ? {}
    : {
        questions: change.questions.map((question) => ({ ...question, question: redactor.text(question.question) }))
      }),
  ...(change.artifacts === undefined
    ? {}
    : { artifacts: change.artifacts.map((artifact) => cleanArtifact(redactor, artifact)) })
})

const cleanEntry = (redactor: Redaction, entry: Entry): Entry =>
  "log" in entry
    ? { log: redactor.text(entry.log) }
    : {
        ...entry,
        ...(entry.message === undefined ? {} : { message: redactor.text(entry.message) }),
        ...(entry.payload === undefined ? {} : { payload: redactor.json(entry.payload) })
      }

const cleanError = (redactor: Redaction, error: TaskError): TaskError => ({
  ...error,
  message: redactor.text(error.message),
  ...(error.details === undefined ? {} : { details: redactor.json(error.details) })
})

const cleanOutcome = (redactor: Redaction, outcome: Outcome): Outcome => {
  const result = outcome.result === undefined ? {} : { result: redactor.json(outcome.result) }
  return outcome.ok ? { ok: true, ...result } : { ok: false, error: cleanError(redactor, outcome.error), ...result }
}

const cleanArtifact = (redactor: Redaction, artifact: NewArtifact): NewArtifact => ({
  ...artifact,
  uri: redactor.text(artifact.uri),
  kind: redactor.text(artifact.kind),
  ...(artifact.contentType === undefined ? {} : { contentType: redactor.text(artifact.contentType) })
})

const object = (clean: (value: Json) => Json, value: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([key, member]) => [key, clean(member)]))
