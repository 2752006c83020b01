import { stdout } from "node:process"
import { Effect } from "effect"
import { Audit } from "../../src/services/Audit.js"
import { Caller } from "../../src/services/Caller.js"
import { auditAt } from "./AuditBench.js"

/** A process that appends to the audit of a folder, some records at once, and says which are kept: `FOLDER NAME COUNT`. */
const [folder = "", name = "0", count = "0"] = process.argv.slice(2)

const rounds = Effect.gen(function* () {
  const audit = yield* Audit
  yield* Effect.forEach(
    Array.from({ length: Number(count) }, (_, round) => `${name}-${round}`),
    (handle) =>
      Effect.zipRight(
        audit.append({ event: "test", handle, outcome: "kept", sensitive: { text: "x".repeat(500) } }),
        Effect.sync(() => stdout.write(`kept ${handle}\n`))
      ),
    { concurrency: 8, discard: true }
  )
}).pipe(Effect.provideService(Caller, { principal: `user:${name}` }))

Effect.runPromise(Effect.provide(rounds, auditAt(folder))).then(
  () => stdout.write("done\n"),
  (error: unknown) => {
    stdout.write(`failed ${String(error)}\n`)
    process.exitCode = 1
  }
)
