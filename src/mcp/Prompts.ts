import { type ContentBlock, ProtocolError, ProtocolErrorCode, type Server } from "@modelcontextprotocol/server"
import { Either, Schema } from "effect"
import type { Talk } from "./Elicit.js"

interface Argument {
  readonly name: string
  readonly description: string
  readonly required?: true
}

export interface Prompt {
  readonly title: string
  readonly description: string
  readonly arguments: ReadonlyArray<Argument>
  readonly text: (given: Given) => string
  /** What stands before the text and is none: a picture, a resource. */
  readonly blocks?: (given: Given) => ReadonlyArray<ContentBlock>
}

/** The value of an argument, or what stands for it. */
type Given = (name: string, otherwise: string) => string

const runtime: Argument = { name: "runtime", description: "The runtime profile to use; the default one if left out" }

const spawnWith = (given: Given): string => {
  const named = given("runtime", "")
  return named === "" ? "spawn_cloud_agent" : `spawn_cloud_agent with runtime "${named}"`
}

const afterwards =
  "Keep the taskId, go on with whatever else there is to do, and use await_task when nothing else is left. Report what it found in a few sentences, with the taskId."

/** Prompts by name, in the order `prompts/list` shows them. */
export type Prompts = Readonly<Record<string, Prompt>>

/** The flows people repeat. */
export const flows: Prompts = {
  background_audit: {
    title: "Audit in the background",
    description: "Hands an audit of the code to a background agent and goes on.",
    arguments: [
      { name: "focus", description: "What to look for, such as security, performance or dead code" },
      { name: "scope", description: "Which part of the repository" },
      runtime
    ],
    text: (given) =>
      `Call ${spawnWith(given)} to audit ${given("scope", "this repository")} for ${given("focus", "defects")}. Write one complete instruction: the agent sees nothing of this conversation. Ask for findings with file, line, why it matters and how to mend it, ordered by weight, and for no changes to files. ${afterwards}`
  },
  research: {
    title: "Research in the background",
    description: "Hands a question to a background agent.",
    arguments: [{ name: "topic", description: "The question", required: true }, runtime],
    text: (given) =>
      `Call ${spawnWith(given)} to research: ${given("topic", "")}. Ask for an answer with its sources, what is uncertain, and what was looked for and not found. ${afterwards}`
  },
  release_check: {
    title: "Check a release",
    description: "Hands the checks before a release to a background agent.",
    arguments: [{ name: "version", description: "The version that is to be released" }, runtime],
    text: (given) =>
      `Call ${spawnWith(given)} to check whether ${given("version", "the next version")} can be released: tests, build, changelog, version numbers, open defects, and what changed since the last release. Ask for a list of what blocks and what does not. ${afterwards}`
  },
  dependency_review: {
    title: "Review dependencies",
    description: "Hands a review of the dependencies to a background agent.",
    arguments: [{ name: "manager", description: "The package manager or lockfile to look at" }, runtime],
    text: (given) =>
      `Call ${spawnWith(given)} to review the dependencies in ${given("manager", "this repository's lockfiles")}: unmaintained or vulnerable packages, duplicates, licences, and which updates are safe. Ask for a table and for no changes to files. ${afterwards}`
  },
  collect_results: {
    title: "Collect results",
    description: "Gathers what background tasks have come to.",
    arguments: [{ name: "status", description: "Only tasks of this status; all that ended if left out" }],
    text: (given) =>
      `Call list_tasks for ${given("status", "tasks that ended")}, then get_task_result for each of the newest ten that this conversation has not reported yet. Give one line a task: its id, what it was asked, what came of it. Say which failed and why, and which still run.`
  }
}

const decodeArguments = Schema.decodeUnknownEither(Schema.Record({ key: Schema.String, value: Schema.String }))

/** `prompts/list` and `prompts/get`; a required argument that is missing is asked for where the client shows forms. */
export const servePrompts = (server: Server, prompts: Prompts, talk: Talk): void => {
  server.setRequestHandler("prompts/list", () => ({
    prompts: Object.entries(prompts).map(([name, { arguments: own, description, title }]) => ({
      name,
      title,
      description,
      arguments: own.map((argument) => ({ ...argument }))
    }))
  }))
  server.setRequestHandler("prompts/get", async ({ params }, context) => {
    const prompt = Object.hasOwn(prompts, params.name) ? prompts[params.name] : undefined
    if (prompt === undefined)
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no prompt "${params.name.slice(0, 64)}"`)
    const { answers, ask } = talk(params.name, context)
    const given = { ...Either.getOrElse(decodeArguments(params.arguments ?? {}), () => ({})), ...answers }
    const value: Given = (name, otherwise) => {
      const told = Object.hasOwn(given, name) ? (given[name] ?? "").trim() : ""
      return told === "" ? otherwise : told
    }
    const missing = prompt.arguments.filter(({ name, required }) => required === true && value(name, "") === "")
    const [first] = missing
    if (first !== undefined) {
      const form = await ask(missing.map(({ description, name }) => ({ id: name, question: description })))
      if (form !== undefined) return form
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `${first.name} is missing: ${first.description}`)
    }
    const content: ReadonlyArray<ContentBlock> = [
      ...(prompt.blocks?.(value) ?? []),
      { type: "text", text: prompt.text(value) }
    ]
    return {
      description: prompt.description,
      messages: content.map((block) => ({ role: "user" as const, content: block }))
    }
  })
}
