import { open } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { Audit } from "../../src/services/Audit.js"
import { auditAt, some } from "../support/AuditBench.js"
import type { Place } from "../support/Server.js"
import { compared, quantile, type Row } from "./Table.js"
import { timed } from "./Wire.js"

const rounds = 200
const burst = 40

/** One audit record at a time, and many at once, against one line that is forced to the disk. */
export const audit = async ({ stateDir }: Place): Promise<ReadonlyArray<Row>> => {
  const [one, many] = await Effect.runPromise(
    Effect.gen(function* () {
      const { append } = yield* Audit
      yield* append(some)
      const alone: Array<number> = []
      for (let round = 0; round < rounds; round++) {
        alone.push(yield* Effect.promise(() => timed(() => Effect.runPromise(append(some)))))
      }
      const together = yield* Effect.promise(() =>
        timed(() => Effect.runPromise(Effect.replicateEffect(append(some), burst, { concurrency: "unbounded" })))
      )
      return [alone, together] as const
    }).pipe(Effect.provide(auditAt(stateDir)))
  )
  const raw: Array<number> = []
  const file = await open(join(stateDir, "raw.ndjson"), "a")
  for (let round = 0; round < rounds; round++) {
    raw.push(
      await timed(async () => {
        await file.appendFile(`${"x".repeat(800)}\n`)
        await file.datasync()
      })
    )
  }
  await file.close()
  return [
    compared("one audit record, p50", quantile(one, 0.5), quantile(raw, 0.5), "ms", "line forced to disk"),
    compared("one audit record, p95", quantile(one, 0.95), quantile(raw, 0.95), "ms", "line forced to disk"),
    compared(`${burst} audit records at once`, many, burst * quantile(raw, 0.5), "ms", "as many lines")
  ]
}
