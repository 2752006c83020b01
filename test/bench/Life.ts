import type { Place } from "../support/Server.js"
import * as Bench from "../support/Workbench.js"
import { compared, type Row, tokens } from "./Table.js"
import { connect } from "./Wire.js"

const polls = 10
/** What one task may cost a client from dispatch to result, in bytes both ways. */
const budget = 10_000

/** Everything on the wire for one task: its dispatch, ten polls, a page of its log and its result. */
export const life = async (at: Place): Promise<ReadonlyArray<Row>> => {
  const server = await connect(at, { config: Bench.workbench() })
  const before = server.traffic()
  const handle = await server.call("spawn_cloud_agent", {
    runtime: "echo",
    instruction: "Look through the repository and say what could be better.",
    context: { delayMs: 4_000 }
  })
  const task_id = String(handle["taskId"])
  let since_revision = 0
  for (let poll = 0; poll < polls; poll++) {
    const seen = await server.call("get_task_status", { task_id, since_revision, wait_seconds: 1 })
    since_revision = Number(seen["revision"])
  }
  await server.call("get_task_logs", { task_id, cursor: 0 })
  const result = await server.call("get_task_result", { task_id, wait_seconds: 30 })
  const bytes = server.traffic() - before
  await server.kill()
  if (result["status"] !== "succeeded") throw new Error(`the task ended ${String(result["status"])}`)
  return [
    compared("one task's whole life, both ways", bytes, budget, "bytes", "budget"),
    compared("one task's whole life, about", tokens(bytes), tokens(budget), "tokens", "budget")
  ]
}
