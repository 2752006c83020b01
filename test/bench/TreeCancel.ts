import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { living, threeDeaf, threeOf } from "../support/FamilyTree.js"
import type { Place } from "../support/Server.js"
import * as Bench from "../support/Workbench.js"
import { compared, quantile, type Row } from "./Table.js"
import { connect, timed } from "./Wire.js"

const rounds = 5
const graceSeconds = 0.5

/** How long until a cancel has verified that work which has to be killed is dead, beside the grace it must be given. */
export const treeCancel = async (at: Place): Promise<ReadonlyArray<Row>> => {
  const server = await connect(at, { config: Bench.workbench({ graceSeconds }) })
  const millis: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const own = { ...at, folder: mkdtempSync(join(at.folder, "tree-")) }
    const { taskId } = await server.call("dispatch_task", threeDeaf(own))
    const three = await Effect.runPromise(threeOf(own))
    let answer: unknown
    millis.push(
      await timed(async () => {
        answer = (await server.call("cancel_task", { task_id: String(taskId) }))["status"]
      })
    )
    if (answer !== "cancelled" || living(three).length > 0) throw new Error(`it answered ${String(answer)} too early`)
  }
  await server.kill()
  return [compared("cancel of a tree of three deaf ones", quantile(millis, 0.5), graceSeconds * 1000, "ms", "grace")]
}
