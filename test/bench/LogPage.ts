import { Effect } from "effect"
import { Store } from "../../src/services/Store.js"
import type { Place } from "../support/Server.js"
import { accepted, apply } from "../support/SomeTask.js"
import { storeAt } from "../support/StateFolder.js"
import { compared, quantile, type Row } from "./Table.js"
import { connect, timed } from "./Wire.js"

const rounds = 30
const mebibyte = 1024 * 1024
const page = 8_000
const piece = "2026-01-01T00:00:00Z a line such as work prints while it goes on and on\n"
  .repeat(4_000)
  .slice(0, mebibyte / 4)

/** A finished task with a log of so many MiB. */
const logged = (size: number) =>
  Effect.gen(function* () {
    const task = yield* accepted()
    yield* apply(task, { transition: "start", startToken: "t", attempt: 1 })
    yield* apply(task, { transition: "run" })
    for (let written = 0; written < size * 4; written++) yield* apply(task, { entries: [{ log: piece }] })
    yield* apply(task, { transition: "finish", outcome: { ok: true } })
    yield* apply(task, { transition: "succeed", settled: true })
    return (yield* Effect.flatMap(Store, (store) => store.find(task.id))).id
  })

/** The last page of a short log and of a long one. */
export const logPage = async (at: Place): Promise<ReadonlyArray<Row>> => {
  const ids = await Effect.runPromise(Effect.provide(Effect.all([logged(1), logged(100)]), storeAt(at.stateDir)))
  const server = await connect(at)
  const lastPage = (task_id: string, size: number) =>
    timed(async () => {
      const answer = await server.call("get_task_logs", { task_id, cursor: size * mebibyte - page - 1, limit: page })
      if (String(answer["data"]).length !== page) throw new Error("that is not a whole page")
    })
  const [short, long]: [Array<number>, Array<number>] = [[], []]
  for (let round = 0; round < rounds; round++) {
    short.push(await lastPage(ids[0], 1))
    long.push(await lastPage(ids[1], 100))
  }
  await server.kill()
  return [compared("last log page of 100 MB", quantile(long, 0.5), quantile(short, 0.5), "ms", "last page of 1 MB")]
}
