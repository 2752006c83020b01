import { execFileSync, spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"
import { parse } from "yaml"
import { forTheProduct, type Revision } from "./Expectations.js"

const folder = fileURLToPath(new URL(".", import.meta.url))
const modules = join(folder, "node_modules")
const suite = join(modules, "@modelcontextprotocol", "conformance")
/** The suite needs a newer Node than the product. */
const node = join(modules, "node", "bin", "node")
const timeLimit = "100 seconds"

/** What came of one scenario of one requirement set. */
export interface Outcome {
  readonly revision: Revision
  readonly scenario: string
  /** Without it the scenario is green: something was checked, and nothing failed or was warned of. */
  readonly problem?: string
}

/** Which server answers to which part of the suite. */
export interface Servers {
  readonly product: string
  readonly fixture: string
}

/** Puts the suite's packages in place as their lockfile has them. */
export const install = Effect.sync(() => {
  if (existsSync(node) && existsSync(suite)) return
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] })
})

const Requirements = Schema.Struct({
  server: Schema.Array(Schema.String),
  not_scored: Schema.Array(Schema.Struct({ scenario: Schema.String, leg: Schema.String }))
})

/** Everything a requirement set runs against a server, the unscored scenarios (the extensions among them) included. */
const scenariosOf = (revision: Revision): ReadonlyArray<string> => {
  const { not_scored, server } = Schema.decodeUnknownSync(Requirements)(
    parse(readFileSync(join(suite, "requirements", `${revision}.yaml`), "utf8"))
  )
  return [...server, ...not_scored.filter(({ leg }) => leg === "server").map(({ scenario }) => scenario)]
}

/** Runs one requirement set against both servers; of each scenario the right server's outcome counts. */
export const outcomes = (revision: Revision, servers: Servers, output: string) =>
  Effect.gen(function* () {
    const of = (server: keyof Servers) => join(output, revision, server)
    // One after the other: the suite gives some answers half a second, and mostly it waits.
    yield* run(revision, servers.product, of("product"), "--requirements", revision)
    yield* run(revision, servers.fixture, of("fixture"), "--requirements", revision)
    const checks = { product: checksIn(of("product")), fixture: checksIn(of("fixture")) }
    return scenariosOf(revision).map((scenario) =>
      outcomeOf(revision, scenario, checks[serverFor(scenario)].get(scenario))
    )
  })

/** One scenario alone, for a busy machine may have missed a time limit of the suite. */
export const secondTry = ({ revision, scenario }: Outcome, servers: Servers, output: string) =>
  Effect.map(
    run(revision, servers[serverFor(scenario)], output, "--scenario", scenario, "--spec-version", revision, "--force"),
    () => outcomeOf(revision, scenario, checksIn(output).get(scenario))
  )

const serverFor = (scenario: string): keyof Servers => (forTheProduct.has(scenario) ? "product" : "fixture")

const outcomeOf = (revision: Revision, scenario: string, checks: Checks | undefined): Outcome => {
  const problem = problemIn(checks)
  return { revision, scenario, ...(problem === undefined ? {} : { problem }) }
}

/** Its exit code says nothing here: it is 1 whenever a scenario that is not about this server fails. */
const run = (revision: Revision, url: string, output: string, ...selection: ReadonlyArray<string>) =>
  Effect.async<void>((resume) => {
    const args = [join(suite, "dist", "index.js"), "server", "--url", url, "-o", output, ...selection]
    const child = spawn(node, args, { stdio: ["ignore", "ignore", "pipe"] })
    child.stderr.pipe(process.stderr)
    child.once("close", () => resume(Effect.void))
    return Effect.sync(() => void child.kill("SIGKILL"))
  }).pipe(Effect.timeoutFail({ duration: timeLimit, onTimeout: () => new SuiteHangs({ revision, limit: timeLimit }) }))

export class SuiteHangs extends Schema.TaggedError<SuiteHangs>()("SuiteHangs", {
  revision: Schema.String,
  limit: Schema.String
}) {
  override get message() {
    return `The suite did not end within ${this.limit} at ${this.revision}.`
  }
}

const Checks = Schema.parseJson(
  Schema.Array(
    Schema.Struct({ id: Schema.String, status: Schema.String, errorMessage: Schema.optional(Schema.String) })
  )
)
type Checks = typeof Checks.Type

/** The suite leaves a folder a scenario, `server-<scenario>-<time>`; one that broke down has no `checks.json` in it. */
const checksIn = (output: string): ReadonlyMap<string, Checks> =>
  new Map(
    readdirSync(output).flatMap((name) => {
      const file = join(output, name, "checks.json")
      if (!existsSync(file)) return []
      const scenario = name.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "")
      return [[scenario, Schema.decodeSync(Checks)(readFileSync(file, "utf8"))] as const]
    })
  )

const problemIn = (checks: Checks | undefined): string | undefined => {
  if (checks === undefined) return "the suite broke down in it"
  const bad = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING")
  if (bad.length > 0) return bad.map(({ errorMessage, id }) => `${id}: ${errorMessage ?? "failed"}`).join("; ")
  return checks.some(({ status }) => status === "SUCCESS") ? undefined : "the suite checks nothing in it"
}
