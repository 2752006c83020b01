import { existsSync } from "node:fs"
import { join } from "node:path"
import { Schema } from "effect"
import { JsonObject } from "../../src/domain/Json.js"
import type { Wire } from "../bench/Wire.js"
import { answerOf, type Place } from "./Server.js"
import { allow, profile, workbench } from "./Workbench.js"

/** So many waits of 45 s, which is what a client that nobody knows gets, are ten minutes. */
const waits = 13

/** What one part of a task's life costs, in bytes. */
export interface Cost {
  readonly part: string
  readonly calls: number
  /** What the model writes and reads: the tool's name, its arguments, and the text of the answer. */
  readonly seen: number
  /** Everything on the wire, both ways. */
  readonly wire: number
}

/** Says a line for each of its steps, tells of progress until its folder holds the file `go`, and then answers. */
const agent = (folder: string): string => `
  for (let step = 1; step <= 60; step++) console.log(new Date().toISOString() + " step " + step + ": read the module, nothing to mend")
  const say = (message) => console.log(JSON.stringify(message))
  const said = "Looked through 60 modules. Two of them do the same work: merge them. The rest is as it should be."
  const go = () => {
    if (require("node:fs").existsSync(${JSON.stringify(join(folder, "go"))})) say({ type: "task.result", payload: { said } })
    else {
      say({ type: "task.progress", message: "reading on" })
      setTimeout(go, 200)
    }
  }
  go()`

/** A server on which the life takes seconds: only the lengths of the waits differ from the real ones. */
export const lifeConfig = ({ folder }: Place): JsonObject => {
  const { accounts, backends, runtimes } = workbench()
  const command = [process.execPath, "-e", agent(folder)]
  return {
    accounts: accounts ?? {},
    backends: { ...object(backends), agent: { adapter: "local-process", account: "here", details: { command } } },
    runtimes: { ...object(runtimes), agent: profile("agent") },
    waits: { seconds: 0.3 }
  }
}

/** Plays what a model does that waits for its task all the time and looks once how it goes. */
export const lived = async (wire: Wire, at: Place): Promise<ReadonlyArray<Cost>> => {
  const costs: Array<Cost> = []
  const call = async (part: string, name: string, args: JsonObject) => {
    const before = wire.traffic()
    const answer = answerOf((await wire.ask("tools/call", { name, arguments: args }))["result"])
    if (answer.isError) throw new Error(`${name}: ${answer.text}`)
    const seen = Buffer.byteLength(name + JSON.stringify(args) + answer.text)
    costs.push({ part, calls: 1, seen, wire: wire.traffic() - before })
    return object(answer.value)
  }
  const { taskId } = await call("spawn", "spawn_cloud_agent", {
    runtime: "agent",
    instruction:
      "Look through the repository's modules one by one, say which of them could be merged or simplified, and why. Change nothing."
  })
  const task_id = String(taskId)
  for (let wait = 1; wait < waits; wait++) await call("waits", "await_task", { task_ids: [task_id] })
  await call("a look at the log", "get_task_logs", { task_id, tail: true })
  allow(at)
  for (let done = false; !done;)
    done = (await call("the last wait", "await_task", { task_ids: [task_id] }))["done"] === true
  const { status } = await call("the result", "get_task_result", { task_id })
  if (status !== "succeeded" || !existsSync(join(at.folder, "go"))) throw new Error(`the task ended ${String(status)}`)
  return together(costs)
}

/** Calls for the same purpose are one part. */
const together = (costs: ReadonlyArray<Cost>): ReadonlyArray<Cost> =>
  [...new Set(costs.map(({ part }) => part))].map((part) => {
    const of = costs.filter((cost) => cost.part === part)
    const sum = (each: (cost: Cost) => number) => of.reduce((total, cost) => total + each(cost), 0)
    return { part, calls: of.length, seen: sum(({ seen }) => seen), wire: sum(({ wire }) => wire) }
  })

const object = Schema.decodeUnknownSync(JsonObject)
