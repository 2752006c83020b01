import { Args, CommandDescriptor as Command, Options } from "@effect/cli"
import { Effect } from "effect"
import { TaskStatus } from "../domain/Lifecycle.js"
import { suggestion } from "../domain/Nearest.js"
import { answer } from "./AnswerCommand.js"
import { auditEntries } from "./AuditCommands.js"
import * as Catalog from "./CatalogCommands.js"
import { doctorEntry } from "./DoctorCommand.js"
import * as Flags from "./Flags.js"
import { configName, init } from "./InitCommand.js"
import type { Command as Runs, Core, Invocation } from "./Invocation.js"
import { policyEntries } from "./PolicyCommands.js"
import { readWords, text } from "./Reading.js"
import { UsageInvalid } from "./Refusal.js"
import { run } from "./RunCommand.js"
import { runFlags, waitFlags } from "./RunFlags.js"
import * as Serving from "./ServingCommands.js"
import * as Task from "./TaskCommands.js"

/** What this program is, to itself. */
export interface Program {
  readonly version: string
  /** The reference worker's argument vector. */
  readonly worker: ReadonlyArray<string>
}

interface Common {
  readonly config: string | undefined
  readonly json: boolean
}

const installed = ({ config, json }: Common, command: Runs<Core>): Invocation => ({
  kind: "installed",
  config,
  json,
  command
})

/** A command whose one word is a task's id. */
const ofTask = <A extends Common>(
  name: string,
  options: Options.Options<A>,
  runs: (id: string, options: A) => Runs<Core>
) =>
  Command.make(name, options, Args.text({ name: "task" })).pipe(
    Command.map(({ args: id, options: given }) => installed(given, runs(id, given)))
  )

/** A command without words of its own. */
const wordless = <A extends Common>(name: string, options: Options.Options<A>, runs: (options: A) => Runs<Core>) =>
  Command.make(name, options).pipe(Command.map(({ options: given }) => installed(given, runs(given))))

const { common } = Flags

/** A command by its name, which may be of two words. */
export interface Entry {
  readonly words: string
  readonly summary: string
  readonly read: (name: string, tail: ReadonlyArray<string>, program: Program) => Command.Command<Invocation>
}

const entries: Readonly<Record<string, Entry>> = {
  run: {
    words: '[--runtime NAME] [--wait] "INSTRUCTION"',
    summary: "dispatch a task, and with --wait wait for its result",
    read: (name, tail) =>
      Command.make(name, Options.all({ ...runFlags, ...waitFlags, ...common }), Flags.words("instruction")).pipe(
        Command.map(({ args, options }) => installed(options, run(options, args, tail, options.json)))
      )
  },
  list: {
    words: "[--status STATUS] [--runtime NAME]",
    summary: "the tasks, newest first",
    read: (name) =>
      wordless(
        name,
        Options.all({
          status: Flags.choices("status", TaskStatus.literals, "Only tasks with this status; may be repeated"),
          runtime: Flags.text("runtime", "Only tasks of this runtime profile"),
          provider: Flags.text("provider", "Only tasks of this provider"),
          limit: Flags.number("limit", 1, 100, "So many at most; 20 without it"),
          cursor: Flags.number("cursor", 1, Number.MAX_SAFE_INTEGER, "Go on behind an earlier list"),
          ...common
        }),
        ({ cursor: before, json, limit, provider, runtime, status }) =>
          Task.list(
            { statuses: status.length === 0 ? undefined : status, runtime, provider, limit: limit ?? 20, before },
            json
          )
      )
  },
  status: {
    words: "TASK",
    summary: "where a task stands",
    read: (name) =>
      ofTask(
        name,
        Options.all({
          sinceRevision: Flags.number(
            "since-revision",
            0,
            Number.MAX_SAFE_INTEGER,
            "Only what changed since this revision"
          ),
          full: Flags.flag("full", "Large fields uncut"),
          ...common
        }),
        (id, options) => Task.status(id, options, options.json)
      )
  },
  logs: {
    words: "[-f] [--tail] [--contains TEXT] TASK",
    summary: "a task's log; with -f as it grows, until the task ends",
    read: (name) =>
      ofTask(name, Options.all({ ...Flags.log, ...common }), (id, options) => Task.logs(id, options, options.json))
  },
  result: {
    words: "[--wait] TASK",
    summary: "how a task ended",
    read: (name) =>
      ofTask(name, Options.all({ ...waitFlags, ...common }), (id, options) => Task.result(id, options, options.json))
  },
  "a2a-send": {
    words: "TASK --text TEXT",
    summary: "say something more to the agent that has a task",
    read: (name) =>
      ofTask(
        name,
        Options.all({
          text: Flags.text("text", "What to say"),
          messageId: Flags.text("message-id", "The same id again is the same message"),
          ...common
        }),
        (id, { json, messageId, text: words }) =>
          words === undefined
            ? new UsageInvalid({ problem: "a2a-send needs --text" })
            : Task.send(id, words, messageId, json)
      )
  },
  answer: {
    words: "TASK [--set KEY=VALUE]... [--decline KEY]...",
    summary: "answer what a task's agent asks; without an answer, show what that is",
    read: (name) =>
      ofTask(
        name,
        Options.all({
          set: Flags.texts("set", "KEY=VALUE", "An answer; KEY.FIELD=VALUE where a question has several fields"),
          decline: Flags.texts("decline", "KEY", "A question that is declined"),
          ...common
        }),
        (id, { json, ...given }) => answer(id, given, json)
      )
  },
  cancel: {
    words: "TASK",
    summary: "stop a task; done once nothing of it runs",
    read: (name) => ofTask(name, Options.all(common), (id, { json }) => Task.cancel(id, json))
  },
  providers: {
    words: "",
    summary: "the configured providers",
    read: (name) => wordless(name, Options.all(common), ({ json }) => Catalog.providers(json))
  },
  capabilities: {
    words: "[--provider NAME]",
    summary: "what the adapters can run, and what each needs",
    read: (name) =>
      wordless(
        name,
        Options.all({ provider: Flags.text("provider", "Only this provider's"), ...common }),
        ({ json, provider }) => Catalog.capabilities(provider, json)
      )
  },
  accounts: {
    words: "",
    summary: "the configured account profiles",
    read: (name) => wordless(name, Options.all(common), ({ json }) => Catalog.accounts(json))
  },
  doctor: doctorEntry,
  serve: {
    words: "--http [--host HOST] [--port PORT]",
    summary: "serve MCP over HTTP: one server for many clients, as http in the config says",
    read: Serving.serve
  },
  token: {
    words: "new NAME",
    summary: "make a bearer token for a principal of serve --http, and say what to write into the config",
    read: Serving.token
  },
  ...auditEntries,
  ...policyEntries,
  ...Serving.moveEntries,
  worker: {
    words: "",
    summary: "serve tasks as a cloud worker does: HTTP on PORT (8080), A2A on A2A_PORT (9000)",
    read: Serving.worker
  },
  emulate: {
    words: "agentcore [--port PORT]",
    summary: "emulate AWS AgentCore on this machine, with a worker per session",
    read: Serving.emulate
  },
  init: {
    words: "",
    summary: `write ${configName} into this folder`,
    read: (name, _, { worker }) =>
      Command.make(name, Options.all({ json: common.json })).pipe(
        Command.map(
          ({ options: { json } }) =>
            ({ kind: "alone", config: undefined, json, command: init(worker, json) }) satisfies Invocation
        )
      )
  }
}

/** The words of a command line as a command to run, or as text that answers it already. */
export const read = Effect.fn("cli.read")(function* (argv: ReadonlyArray<string>, program: Program) {
  const { head, tail } = atSeparator(argv)
  const { before, words } = atCommand(head)
  const [given, ...rest] = words
  if (given === undefined || given === "--help" || given === "-h" || given === "help")
    return text(overview(program.version))
  if (given === "--version" || given === "-v") return text(`${program.version}\n`)
  const known = Object.keys(entries)
  const [second = ""] = rest
  const double = known.some((name) => name.startsWith(`${given} `)) && !second.startsWith("-")
  const wanted = double ? `${given} ${second}`.trim() : given
  const entry = Object.hasOwn(entries, wanted) ? entries[wanted] : undefined
  if (entry === undefined) {
    return yield* new UsageInvalid({
      problem: `There is no command "${wanted}".${suggestion(wanted, known)} Commands: ${known.join(", ")}.`
    })
  }
  if (tail.length > 0 && given !== "run" && given !== "explain")
    return yield* new UsageInvalid({ problem: `Nothing may stand behind -- in ${given}.` })
  const name = `agentdispatch ${wanted}`
  const descriptor = Command.withDescription(entry.read(name, tail, program), sentence(entry.summary))
  return yield* readWords({ name, usage: entry.words, descriptor }, [...(double ? rest.slice(1) : rest), ...before])
})

/** Words behind `--` are nobody's options. */
const atSeparator = (argv: ReadonlyArray<string>) => {
  const at = argv.indexOf("--")
  return at === -1 ? { head: argv, tail: [] } : { head: argv.slice(0, at), tail: argv.slice(at + 1) }
}

/** `--config FILE` and `--json` may stand before the command's name as well. */
const atCommand = (head: ReadonlyArray<string>) => {
  let at = 0
  while (at < head.length) {
    if (head[at] === "--json" || head[at]?.startsWith("--config=") === true) at += 1
    else if (head[at] === "--config") at += 2
    else break
  }
  return { before: head.slice(0, at), words: head.slice(at) }
}

const sentence = (summary: string): string => `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`

const overview = (version: string): string => {
  const lines = Object.entries(entries).map(
    ([name, { summary, words }]) => [`${name} ${words}`.trim(), summary] as const
  )
  const width = Math.max(...lines.map(([usage]) => usage.length))
  return [
    `agentdispatch ${version}: hand long work to an agent and come back for it`,
    "",
    ...lines.map(([usage, summary]) => `  ${usage.padEnd(width)}  ${summary}`),
    "",
    "Each takes --config FILE (without it AGENTDISPATCH_CONFIG, else the built-in local profiles), --json and --help.",
    "",
    "Exit codes: 0 done, 1 failed or refused, 2 wrong usage or config, 3 questions to answer, 4 no such task,",
    "124 not over yet, 130 cancelled or interrupted.",
    ""
  ].join("\n")
}
