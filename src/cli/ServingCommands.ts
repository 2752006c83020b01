import { Args, CommandDescriptor as Command, HelpDoc, Options, ValidationError } from "@effect/cli"
import { Effect } from "effect"
import type { Entry } from "./CommandLine.js"
import * as Flags from "./Flags.js"
import type { Invocation } from "./Invocation.js"
import { newToken } from "./TokenCommand.js"

const { common } = Flags

const needsHttp = ValidationError.missingFlag(
  HelpDoc.p("serve needs --http; for a server on stdio start agentdispatch-mcp")
)

export const serve = (name: string): Command.Command<Invocation> =>
  Command.make(
    name,
    Options.all({
      http: Flags.flag("http", "Streamable HTTP; for a server on stdio start agentdispatch-mcp"),
      host: Flags.text("host", "The address to listen on; without it http.host, else 127.0.0.1"),
      port: Flags.number(
        "port",
        0,
        65_535,
        "The port to listen on; 0 is any free one; without it http.port, else 8765"
      ),
      ...common
    })
  ).pipe(
    Command.mapEffect(({ options: { http, ...options } }) =>
      http ? Effect.succeed({ ...options, kind: "server" as const }) : Effect.fail(needsHttp)
    )
  )

export const token = (name: string): Command.Command<Invocation> =>
  Command.make(
    name,
    Options.all({ json: common.json }),
    Args.all([Args.choice([["new", "new"]], { name: "new" }), Args.text({ name: "name" })])
  ).pipe(
    Command.map(
      ({ args: [, principal], options: { json } }) =>
        ({ kind: "alone", config: undefined, json, command: newToken(principal, json) }) satisfies Invocation
    )
  )

const move = (name: string): Command.Command<Invocation> =>
  Command.make(
    name,
    Options.all({
      url: Flags.text("url", "The PostgreSQL database; without it AGENTDISPATCH_DATABASE_URL, else store.url"),
      dryRun: Flags.flag("dry-run", "Only say what would be moved, and whether it could be"),
      running: Flags.flag("running", "Also with tasks that are not over"),
      ...common
    })
  ).pipe(Command.map(({ options }) => ({ ...options, kind: "move" as const })))

export const moveEntries: Readonly<Record<string, Entry>> = {
  "migrate sqlite-to-postgres": {
    words: "[--url URL] [--dry-run]",
    summary: "move this state folder's tasks into the PostgreSQL database of a team",
    read: move
  }
}

export const worker = (name: string): Command.Command<Invocation> =>
  Command.make(name, Options.all(common)).pipe(Command.map(({ options }) => ({ ...options, kind: "worker" as const })))

export const emulate = (name: string): Command.Command<Invocation> =>
  Command.make(
    name,
    Options.all({
      port: Flags.number("port", 0, 65_535, "The port to listen on; any free one without it"),
      ...common
    }),
    Args.choice([["agentcore", "agentcore"]], { name: "service" })
  ).pipe(
    Command.map(({ options: { port, ...options } }) => ({ ...options, kind: "emulator" as const, port: port ?? 0 }))
  )
