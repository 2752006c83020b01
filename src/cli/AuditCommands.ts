import { Args, CommandDescriptor as Command, Options } from "@effect/cli"
import { Chunk, DateTime, Effect, Option, Schema, Stream } from "effect"
import { InvalidInput } from "../domain/DispatchError.js"
import { Json } from "../domain/Json.js"
import { AuditTrail, type Evidence, type Finding, type KeptRecord, type Verdict } from "../services/AuditTrail.js"
import type { Entry } from "./CommandLine.js"
import { ExitCode } from "./ExitCode.js"
import * as Flags from "./Flags.js"
import type { Command as Runs, Core, Invocation } from "./Invocation.js"
import { Screen } from "./Screen.js"
import { table } from "./Table.js"

/** Says whether the log is whole, and if not, what is broken first. */
const verify = Effect.fn("cli.auditVerify")(function* (evidence: Evidence, json: boolean) {
  const trail = yield* AuditTrail
  const screen = yield* Screen
  const verdict = yield* trail.verify(evidence)
  yield* screen.out(json ? `${JSON.stringify(verdict)}\n` : verdictInWords(verdict))
  return verdict.whole ? ExitCode.ok : ExitCode.failed
})

const verdictInWords = ({ broken, checkpoints, key, notes, records, whole }: Verdict): string =>
  [
    whole
      ? `whole: ${records} records, ${checkpoints} checkpoints${key === undefined ? "" : `, signed with key ${key}`}`
      : `broken: ${records} records are whole`,
    ...broken.map((finding) => `broken  ${placed(finding)}`),
    ...notes.map((finding) => `note    ${placed(finding)}`),
    ""
  ].join("\n")

const placed = ({ file, line, record, what }: Finding): string => {
  const place = line === undefined || what.startsWith("line ") ? file : `${file} line ${line}`
  return `${place}: ${record === undefined || what.includes(`record ${record}`) ? "" : `record ${record}: `}${what}`
}

interface Shown {
  readonly limit: number
  readonly task: string | undefined
  readonly event: string | undefined
  readonly since: string | undefined
}

/** The newest records that were asked for, oldest first. */
const show = Effect.fn("cli.auditShow")(function* ({ event, limit, since, task }: Shown, json: boolean) {
  const trail = yield* AuditTrail
  const screen = yield* Screen
  const from = since === undefined ? undefined : yield* moment(since)
  const wanted = (record: KeptRecord) =>
    (task === undefined || record.taskId === task || record.handle === task) &&
    (event === undefined || record.event === event) &&
    (from === undefined || record.at >= from)
  const newest = yield* Stream.runCollect(Stream.takeRight(Stream.filter(trail.records, wanted), limit))
  const records = Chunk.toReadonlyArray(newest)
  if (json) yield* screen.out(records.map((record) => `${JSON.stringify(record)}\n`).join(""))
  else if (records.length === 0) yield* screen.err("No such records here.\n")
  else yield* screen.out(table(headings, records.map(cells), { columns: screen.columns }))
  return ExitCode.ok
})

const headings = ["NO", "AT", "WHO", "EVENT", "OUTCOME", "TASK", "ABOUT"]

const cells = (record: KeptRecord): ReadonlyArray<string> => {
  const { client, principal } = record.who
  return [
    String(record.seq),
    record.at,
    client === undefined ? principal : `${principal} (${client.name} ${client.version})`,
    record.event,
    record.code === undefined ? record.outcome : `${record.outcome} ${record.code}`,
    record.taskId ?? record.handle ?? "-",
    about(record)
  ]
}

const about = ({ detail, event, open, rule, sealed }: KeptRecord): string =>
  [
    ...(rule === undefined ? [] : [rule]),
    ...(detail === undefined || event === "audit.started" ? [] : [JSON.stringify(detail)]),
    ...Object.keys(sealed ?? {}).map((name) => `${name}: ${JSON.stringify(opened(open?.[name]))}`)
  ].join(" ")

/** A sensitive value, or the word for one that was taken out. */
const opened = (kept: Json | undefined): Json =>
  Option.getOrElse(
    Option.map(openedOf(kept), ({ value }) => value),
    () => "(taken out)"
  )

const openedOf = Schema.decodeUnknownOption(Schema.Struct({ value: Json }))

/** A time as records have it. */
const moment = (given: string) =>
  Option.match(DateTime.make(given), {
    onNone: () =>
      new InvalidInput({ path: "--since", problem: `"${given.slice(0, 60)}" is no time such as 2026-01-31T08:00:00Z` }),
    onSome: (time) => Effect.succeed(DateTime.formatIso(time))
  })

const exportTo = Effect.fn("cli.auditExport")(function* (folder: string, json: boolean) {
  const trail = yield* AuditTrail
  const screen = yield* Screen
  const records = yield* trail.exportTo(folder)
  yield* screen.out(json ? `${JSON.stringify({ folder, records })}\n` : `${records} records in ${folder}\n`)
  if (!json)
    yield* screen.err(
      `Verify it anywhere with: agentdispatch audit verify --file ${folder} --key KEY\nKeep ${folder}/audit.pub as KEY somewhere else: it says whose log this is.\n`
    )
  return ExitCode.ok
})

const redact = Effect.fn("cli.auditRedact")(function* (given: string, names: ReadonlyArray<string>, json: boolean) {
  const record = /^[1-9]\d{0,14}$/.test(given) ? Number(given) : undefined
  if (record === undefined)
    return yield* new InvalidInput({ path: "record", problem: `"${given.slice(0, 60)}" is no record's number` })
  const trail = yield* AuditTrail
  const screen = yield* Screen
  const taken = yield* trail.redact(record, names)
  const words = taken.length === 0 ? `nothing left to take out of record ${record}` : `taken out: ${taken.join(", ")}`
  yield* screen.out(json ? `${JSON.stringify({ record, redacted: taken })}\n` : `${words}\n`)
  return ExitCode.ok
})

const installed = (
  { config, json }: { readonly config: string | undefined; readonly json: boolean },
  command: Runs<Core>
): Invocation => ({ kind: "installed", config, json, command })

const { common } = Flags

/** The commands behind `audit`. */
export const auditEntries: Readonly<Record<string, Entry>> = {
  "audit verify": {
    words: "[--file F] [--key K] [--against DIR]",
    summary: "prove that the audit log is whole, or name its first broken record",
    read: (name) =>
      Command.make(
        name,
        Options.all({
          file: Flags.text("file", "An exported log or its folder; this installation's own log without it"),
          key: Flags.text("key", "The file of the public key that must have signed; the one beside the log without it"),
          against: Flags.text("against", "The folder of an earlier export that the log must go on from"),
          ...common
        })
      ).pipe(Command.map(({ options }) => installed(options, verify(options, options.json))))
  },
  "audit show": {
    words: "[--task ID] [--event E] [--since TIME]",
    summary: "the newest audit records",
    read: (name) =>
      Command.make(
        name,
        Options.all({
          limit: Flags.number("limit", 1, 100_000, "So many at most; 50 without it"),
          task: Flags.text("task", "Only records of this task or handle"),
          event: Flags.text("event", "Only records of this event, such as spawn_cloud_agent"),
          since: Flags.text("since", "Only records since this time, such as 2026-01-31T08:00:00Z"),
          ...common
        })
      ).pipe(
        Command.map(({ options }) => installed(options, show({ ...options, limit: options.limit ?? 50 }, options.json)))
      )
  },
  "audit export": {
    words: "DIR",
    summary: "copy the log with its signatures into a new folder, to be verified anywhere",
    read: (name) =>
      Command.make(name, Options.all(common), Args.text({ name: "folder" })).pipe(
        Command.map(({ args, options }) => installed(options, exportTo(args, options.json)))
      )
  },
  "audit redact": {
    words: "RECORD [--name NAME]",
    summary: "take the sensitive values out of one audit record; the proof stays whole",
    read: (name) =>
      Command.make(
        name,
        Options.all({ name: Flags.texts("name", "text", "Only the value of this name; may be repeated"), ...common }),
        Args.text({ name: "record" })
      ).pipe(Command.map(({ args, options }) => installed(options, redact(args, options.name, options.json))))
  }
}
