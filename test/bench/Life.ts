import type { Place } from "../support/Server.js"
import { lifeConfig, lived } from "../support/TaskLife.js"
import { compared, type Row, tokens } from "./Table.js"
import { connect } from "./Wire.js"

/** What one task may cost a model from dispatch to result. */
const budget = 1_500

/** A task of ten minutes at a client without Tasks: its dispatch, thirteen waits, a look at its log and its result. */
export const life = async (at: Place): Promise<ReadonlyArray<Row>> => {
  const server = await connect(at, { config: lifeConfig(at) })
  const costs = await lived(server, at)
  await server.kill()
  const all = (part: "seen" | "wire") => tokens(costs.reduce((sum, cost) => sum + cost[part], 0))
  return [
    ...costs.map(({ calls, part, seen, wire }) =>
      compared(`a task's life: ${part}${calls === 1 ? "" : `, ${calls} times`}`, seen, wire, "bytes", "on the wire")
    ),
    compared("a task's whole life, about", all("seen"), budget, "tokens", "budget"),
    compared("a task's whole life on the wire, about", all("wire"), 2 * budget, "tokens", "twice the budget")
  ]
}
