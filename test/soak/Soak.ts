import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Array as Arrays, Effect, Schema } from "effect"
import { JsonObject } from "../../src/domain/Json.js"
import { connect, timed, type Wire } from "../bench/Wire.js"
import { eventually, type Place } from "../support/Server.js"
import { type Row, rowsAt } from "../support/TaskRows.js"
import * as Bench from "../support/Workbench.js"
import { telling, type Vitals, vitals } from "./Vitals.js"

export interface Soaked {
  /** Evenly over the tasks, each when nothing was under way. */
  readonly seen: ReadonlyArray<Vitals>
  /** How long each dispatch took to be answered, in milliseconds. */
  readonly latencies: ReadonlyArray<number>
  readonly seconds: number
  /** What is wrong with the tasks themselves, in words. */
  readonly wrong: ReadonlyArray<string>
}

/** One task in so many is a local process with a supervisor; the others are a lane's instant command. */
const localEach = 50
/** How many tasks may be unfinished before their clients wait, as a client with a full inbox would. */
const backlog = 64
const together = 8
const looks = 20

const config = (at: Place): JsonObject => {
  const bench = Bench.workbench({ maxConcurrent: 4 })
  const lane = {
    orguser: "o",
    repo: "r",
    github: "o/r",
    command: ["sh", "-c", `echo "$0" >> '${join(at.folder, "ledger")}'`, "{task}"]
  }
  return {
    ...bench,
    accounts: { ...objectIn(bench["accounts"]), hub: { provider: "lane", credentialSource: "none" } },
    backends: { ...objectIn(bench["backends"]), lane: { adapter: "github-lane", account: "hub", details: lane } },
    runtimes: { lane: { provider: "lane", account: "hub", capability: "agent-runtime", backend: "lane" } }
  }
}

const objectIn = Schema.decodeUnknownSync(JsonObject)

/** What its client does with a task besides dispatching it: every way to read is walked again and again. */
const read = async (server: Wire, task_id: string, index: number) => {
  if (index % 10 === 0) await server.call("get_task_status", { task_id, since_revision: 1, wait_seconds: 5 })
  if (index % 25 === 0) await server.call("get_task_result", { task_id, wait_seconds: 5 })
  if (index % 40 === 0) await server.call("get_task_logs", { task_id, cursor: 0 })
  if (index % 100 === 0) await server.call("list_tasks", { limit: 20 })
}

const dispatched = async (server: Wire, index: number, latencies: Array<number>) => {
  const local = index % localEach === 0
  const wanted = local ? Bench.shell("true") : { runtime: "lane", instruction: `task-${index}` }
  let task_id = ""
  latencies.push(
    await timed(async () => {
      task_id = String((await server.call(local ? "dispatch_task" : "spawn_cloud_agent", wanted))["taskId"])
    })
  )
  await read(server, task_id, index)
}

/** So many tasks through one server, and what it holds whenever nothing is under way. */
export const soak = (at: Place, tasks: number, say: (seen: Vitals) => void) =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => connect(at, { config: config(at), env: { NODE_OPTIONS: telling(at) } })),
      ({ kill }) => Effect.promise(kill)
    )
    const rows = yield* rowsAt(at)
    const from = performance.now()
    const latencies: Array<number> = []
    const seen: Array<Vitals> = []
    const atMost = (open: number) =>
      eventually(Effect.map(rows.unsettled, (count) => (count <= open ? true : undefined)))
    const look = Effect.suspend(() => vitals(at, server.pid, latencies.length)).pipe(
      Effect.map((found) => {
        seen.push(found)
        say(found)
      })
    )
    yield* look
    for (const stretch of Arrays.chunksOf(Arrays.range(0, tasks - 1), Math.ceil(tasks / looks))) {
      for (const some of Arrays.chunksOf(stretch, backlog)) {
        yield* Effect.forEach(some, (index) => Effect.promise(() => dispatched(server, index, latencies)), {
          concurrency: together
        })
        yield* atMost(backlog)
      }
      yield* atMost(0)
      yield* look
    }
    const seconds = (performance.now() - from) / 1000
    return { seen, latencies, seconds, wrong: wrongIn(at, tasks, yield* rows.tasks) } satisfies Soaked
  })

/** Every task succeeded, and every command of the lane ran once. */
const wrongIn = ({ folder }: Place, tasks: number, rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const ledger = readFileSync(join(folder, "ledger"), "utf8").split("\n").slice(0, -1)
  const wanted = tasks - Math.ceil(tasks / localEach)
  const unlike = rows.filter(({ status }) => status !== "succeeded")
  return [
    ...(rows.length === tasks ? [] : [`${rows.length} tasks are there`]),
    ...unlike.map(({ error, id, status }) => `${id} is ${status}: ${error ?? ""}`),
    ...(ledger.length === wanted && new Set(ledger).size === wanted
      ? []
      : [`${wanted} commands ran ${ledger.length} times, ${new Set(ledger).size} of them`])
  ]
}
