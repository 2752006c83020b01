import { setTimeout as pause } from "node:timers/promises"
import type { Place } from "../support/Server.js"
import { compared, quantile, type Row, tokens } from "./Table.js"
import { connect, memory, timed, type Wire } from "./Wire.js"

const rounds = 10
/** After so long an idle process has collected its garbage of starting, in milliseconds. */
const settleMillis = 3_000
/** What `tools/list` may cost every client in every session, in bytes. */
const toolsBudget = 16_000

/** Start-up, memory and the list of tools, in turns with the empty server. */
export const coldStart = async (at: Place, empty: string): Promise<ReadonlyArray<Row>> => {
  const ours: Array<number> = []
  const peers: Array<number> = []
  const start = async (into: Array<number>, script?: string) => {
    let wire: Wire | undefined
    const millis = await timed(async () => {
      wire = await connect(at, {}, script)
      await wire.ask("tools/list")
    })
    into.push(millis)
    await wire?.kill()
  }
  await start([])
  await start([], empty)
  for (let round = 0; round < rounds; round++) {
    await start(ours)
    await start(peers, empty)
  }

  const [server, peer] = [await connect(at), await connect(at, {}, empty)]
  const [list, peerList] = [await server.ask("tools/list"), await peer.ask("tools/list")]
  const bytes = Buffer.byteLength(JSON.stringify(list["result"]))
  await pause(settleMillis)
  const rows = [
    compared("cold start to tools/list, median of 10", quantile(ours, 0.5), quantile(peers, 0.5), "ms", "empty server"),
    compared("resident memory, idle", memory(server), memory(peer), "MB", "empty server"),
    compared("tools/list", bytes, toolsBudget, "bytes", "budget"),
    compared("tools/list, about", tokens(bytes), tokens(toolsBudget), "tokens", "budget")
  ]
  if (peerList["result"] === undefined) throw new Error("the empty server listed nothing")
  await Promise.all([server.kill(), peer.kill()])
  return rows
}
