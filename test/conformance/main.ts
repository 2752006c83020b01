import { runMain } from "@effect/platform-node/NodeRuntime"
import { Effect, Exit, Logger, LogLevel } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { httpServer } from "../support/HttpServer.js"
import { place } from "../support/Server.js"
import { revisions } from "./Expectations.js"
import { fixtureServer } from "./FixtureServer.js"
import { lineOf, missingIn, readmeOf, sumOf, verdictOf } from "./Report.js"
import { install, outcomes, secondTry } from "./Suite.js"

/** The official conformance suite against the server as users start it, and against a fixture server of its parts. */

const readme = new URL("../../README.md", import.meta.url)

const say = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))

/** What the suite breaks on purpose need not be told. */
const quiet = Logger.minimumLogLevel(LogLevel.None)

const main = Effect.scoped(
  Effect.gen(function* () {
    yield* install
    const where = yield* place
    const fixture = yield* Effect.provide(fixtureServer(join(where.folder, "fixture")), quiet)
    const servers = { product: (yield* httpServer(where, {})).url, fixture }
    const output = join(where.folder, "suite")
    const first = (yield* Effect.forEach(revisions, (revision) => outcomes(revision, servers, output))).flat()
    const found = yield* Effect.forEach(first, (outcome) =>
      verdictOf(outcome) === "FAILED"
        ? secondTry(outcome, servers, join(output, `${outcome.revision}-${outcome.scenario}`))
        : Effect.succeed(outcome)
    )
    yield* say(`${found.map(lineOf).join("\n")}\n\n${sumOf(found)}`)
    const missing = missingIn(readFileSync(readme, "utf8"), found)
    if (missing) yield* say(`\nREADME.md says something else; it should say:\n\n${readmeOf(found)}`)
    return missing || found.some((outcome) => verdictOf(outcome) === "FAILED" || verdictOf(outcome) === "STALE") ? 1 : 0
  })
)

runMain(main, {
  disablePrettyLogger: true,
  teardown: (exit) => process.exit(Exit.isSuccess(exit) && typeof exit.value === "number" ? exit.value : 2)
})
