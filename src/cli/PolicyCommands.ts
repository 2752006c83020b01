import { FileSystem } from "@effect/platform"
import { Args, CommandDescriptor as Command, Options } from "@effect/cli"
import { Chunk, Effect, Either, Option, Schema, Stream } from "effect"
import { fromJson } from "../domain/Config.js"
import { ConfigInvalid } from "../domain/ConfigInvalid.js"
import { decodeText } from "../domain/Json.js"
import { jsonFault } from "../domain/JsonFault.js"
import { isTerminal } from "../domain/Lifecycle.js"
import { fromRecord, type PastDispatch } from "../domain/PastDispatch.js"
import { isPolicyAlone, policyFromJson } from "../domain/PolicyChecks.js"
import type { Policy } from "../domain/PolicyConfig.js"
import { type Difference, replay, type Replay } from "../domain/PolicyReplay.js"
import { TaskId } from "../domain/Task.js"
import { Explain, type Explanation } from "../dispatch/Explain.js"
import { Adapters } from "../services/Adapter.js"
import { AuditTrail } from "../services/AuditTrail.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import type { Entry } from "./CommandLine.js"
import { ExitCode } from "./ExitCode.js"
import * as Flags from "./Flags.js"
import type { Command as Runs, Core, Invocation } from "./Invocation.js"
import { callOf, type RunFlags, runFlags } from "./RunFlags.js"
import { Screen } from "./Screen.js"
import { fields, plain, table } from "./Table.js"

/** Replays the audit's dispatches against the policy of a file. */
const test = Effect.fn("cli.policyTest")(function* (path: string, json: boolean) {
  const screen = yield* Screen
  const trail = yield* AuditTrail
  const policy = yield* candidate(path)
  const records = yield* Stream.runCollect(trail.records)
  const found = Chunk.toReadonlyArray(records).flatMap((record) => Option.toArray(fromRecord(record)))
  const dispatches = found.flatMap((dispatch) => (Either.isRight(dispatch) ? [dispatch.right] : []))
  const ends = yield* endsOf(policy, dispatches)
  const replayed = withIncomplete(
    replay(policy, dispatches, (id) => ends.get(id)),
    found.length - dispatches.length
  )
  yield* screen.out(json ? `${JSON.stringify(replayed)}\n` : replayInWords(replayed, screen.columns))
  return replayed.changes.length === 0 ? ExitCode.ok : ExitCode.failed
})

/** The policy of a whole config, or one by itself, which is read as this installation's. */
const candidate = Effect.fn("cli.candidate")(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const { config } = yield* Settings
  const { specs } = yield* Adapters
  const unusable = (message: string) => new ConfigInvalid({ source: path, issues: [{ path: "", message }] })
  const text = yield* Effect.mapError(files.readFileString(path), (error) =>
    unusable(`cannot be read: ${error.message}`)
  )
  const raw = yield* Effect.mapError(decodeText(text), () => {
    const fault = jsonFault(text)
    return unusable(
      fault === undefined ? "is not JSON" : `is not JSON: line ${fault.line}, column ${fault.column}: ${fault.problem}`
    )
  })
  return isPolicyAlone(raw)
    ? yield* policyFromJson(raw, config, specs, path)
    : (yield* fromJson(raw, specs, path)).policy
})

/** When the tasks of past dispatches ended; only asked for where a rule counts unfinished ones. */
const endsOf = Effect.fn("cli.endsOf")(function* (policy: Policy, dispatches: ReadonlyArray<PastDispatch>) {
  const store = yield* Store
  if (policy.rules.every(({ limits }) => limits?.concurrent === undefined)) return new Map<string, number>()
  const ids = dispatches.flatMap(({ repeated, taskId }) => (repeated ? [] : Option.toArray(decodeTaskId(taskId))))
  const ends = yield* Effect.forEach(ids, (id) =>
    store.find(id).pipe(
      Effect.map(({ status, updatedAt }) => [[id, isTerminal(status) ? updatedAt : Infinity] as const]),
      Effect.catchTag("TaskNotFound", () => Effect.succeed([]))
    )
  )
  return new Map<string, number>(ends.flat())
})

const decodeTaskId = Schema.decodeUnknownOption(TaskId)

const withIncomplete = (replayed: Replay, incomplete: number): Replay =>
  incomplete === 0
    ? replayed
    : {
        ...replayed,
        notes: [...replayed.notes, `${incomplete} dispatches were left out: their records do not say where they went.`]
      }

const replayInWords = ({ changes, notes, replayed }: Replay, columns: number | undefined): string =>
  [
    changes.length === 0
      ? ""
      : table(["NO", "AT", "WHO", "WHAT", "FROM", "TO", "WHY"], changes.map(cells), { columns }),
    `${replayed} dispatches replayed, ${changes.length} would come out otherwise\n`,
    ...notes.map((note) => `note: ${note}\n`)
  ].join("")

const cells = ({ at, client, from, principal, record, route, to, tool }: Difference): ReadonlyArray<string> => [
  String(record),
  at,
  client === undefined ? principal : `${principal} (${client})`,
  `${tool} ${route}`,
  `${from.effect} ${from.rule}`,
  `${to.effect} ${to.rule}`,
  to.reason
]

/** Says what `run` with the same words would come to. */
const explain = Effect.fn("cli.explain")(function* (
  given: RunFlags,
  words: ReadonlyArray<string>,
  tail: ReadonlyArray<string>,
  json: boolean
) {
  const screen = yield* Screen
  const explainer = yield* Explain
  const described = yield* callOf(given, words, tail)
  const explanation = yield* explainer.explain(
    described.form === "spawn"
      ? { tool: "spawn_cloud_agent", call: described.call }
      : { tool: "dispatch_task", call: described.call }
  )
  yield* screen.out(json ? `${JSON.stringify(explanation)}\n` : explanationInWords(explanation))
  return exitCodes[explanation.decision]
})

const exitCodes = {
  allow: ExitCode.ok,
  deny: ExitCode.failed,
  needs_answers: ExitCode.questions,
  invalid: ExitCode.usage
} as const

const explanationInWords = (explanation: Explanation): string => {
  const { decision, limits = [], questions = [], reason, request, rule, wouldChange } = explanation
  return [
    fields([
      ["decision", decision],
      ["rule", rule],
      ["reason", reason],
      ...limits.map(({ allowed, limit, used }) => [limit, `${used ?? "unknown"} of ${allowed}`] as const),
      ["runtime", request?.runtime],
      ["backend", request === undefined ? undefined : `${request.backend} (${request.adapter})`],
      ["account", request?.accountProfile],
      ["target", request?.target.mode],
      ["deadline", request?.deadlineSeconds === undefined ? undefined : `${request.deadlineSeconds} s`],
      ["at most", request?.estimatedCostUsd === undefined ? undefined : `$${request.estimatedCostUsd}`]
    ]),
    ...questions.map(({ id, question }) => `? ${id}: ${plain(question)}\n`),
    ...wouldChange.map((way) => `- ${plain(way)}\n`)
  ].join("")
}

const installed = (
  { config, json }: { readonly config: string | undefined; readonly json: boolean },
  command: Runs<Core>
): Invocation => ({ kind: "installed", config, json, command })

const { common } = Flags

/** The commands about what may be dispatched. */
export const policyEntries: Readonly<Record<string, Entry>> = {
  explain: {
    words: '[--runtime NAME] "INSTRUCTION"',
    summary: "say whether run would be allowed, by which rule, and what would change that",
    read: (name, tail) =>
      Command.make(name, Options.all({ ...runFlags, ...common }), Flags.words("instruction")).pipe(
        Command.map(({ args, options }) => installed(options, explain(options, args, tail, options.json)))
      )
  },
  "policy test": {
    words: "FILE",
    summary: "list the dispatches of the audit that another policy would have decided otherwise",
    read: (name) =>
      Command.make(name, Options.all(common), Args.text({ name: "file" })).pipe(
        Command.map(({ args, options }) => installed(options, test(args, options.json)))
      )
  }
}
