import { Context, Effect, Either, Layer, Option } from "effect"
import { inWords, problem } from "../domain/ClockDifference.js"
import { lookup } from "../domain/Config.js"
import { type DispatchError, RuntimeProfileNotFound } from "../domain/DispatchError.js"
import { routeSpawn, type SpawnCall } from "../domain/Routing.js"
import { Adapters, type Check } from "../services/Adapter.js"
import { clockDifference } from "../services/DatabaseClock.js"
import { Redactor } from "../services/Redactor.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import { makeRuling, type Ruling } from "./Ruling.js"

export interface PreflightReport {
  readonly ok: boolean
  readonly runtime?: string
  readonly provider?: string
  readonly account_profile?: string
  readonly backend?: string
  readonly adapter?: string
  readonly target_mode?: string
  readonly checks: ReadonlyArray<Check>
}

export type PreflightCall = Pick<SpawnCall, "runtime" | "provider" | "accountProfile" | "details" | "target">

const pass = (name: string, message: string): Check => ({ name, status: "pass", message })
const fail = (name: string, message: string): Check => ({ name, status: "fail", message })

/** Finds out what would go wrong before anything is dispatched; starts nothing and costs nothing. */
export class Preflight extends Context.Tag("agentdispatch/Preflight")<
  Preflight,
  {
    /** One runtime profile, or what the call describes. `live: false` asks nobody outside this process. */
    readonly check: (call: PreflightCall, live: boolean) => Effect.Effect<PreflightReport, RuntimeProfileNotFound>
    /** Every configured runtime profile, and the state folder. */
    readonly checkAll: (live: boolean) => Effect.Effect<ReadonlyArray<PreflightReport>>
  }
>() {
  static readonly layer = Layer.effect(
    Preflight,
    Effect.gen(function* () {
      const adapters = yield* Adapters
      const { config, environment, source } = yield* Settings
      const store = yield* Store
      const ruled = yield* makeRuling
      const { secretIn } = yield* Redactor
      const world = { config, specs: adapters.specs, environment, secretIn }
      const names = Object.keys(config.runtimes)

      const state = store.list({ limit: 1 }).pipe(
        Effect.match({
          onFailure: (error) => fail("state", error.message),
          onSuccess: () =>
            pass("state", `the ${config.store?.kind === "postgres" ? "database" : "state folder"} can be read`)
        })
      )

      const clock = clockDifference.pipe(
        Effect.provideService(Store, store),
        Effect.map(
          Option.match({
            onNone: () => [],
            onSome: (difference) => {
              const wrong = problem(difference)
              return [wrong === undefined ? pass("clock", inWords(difference)) : fail("clock", wrong)]
            }
          })
        ),
        // That the database cannot be read is said by another check.
        Effect.orElseSucceed((): ReadonlyArray<Check> => [])
      )

      const installed = Effect.gen(function* () {
        return [pass("config", `valid, from ${source}`), yield* state, ...(yield* clock)]
      })

      const check = Effect.fn("preflight.check")(function* (call: PreflightCall, live: boolean) {
        const runtime = call.runtime ?? config.defaults.runtime
        const profile = runtime === undefined ? undefined : lookup(config.runtimes, runtime)
        if (runtime !== undefined && profile === undefined)
          return yield* new RuntimeProfileNotFound({ name: runtime, known: names })
        const common = yield* installed
        const named = runtime === undefined ? {} : { runtime }

        const routed = routeSpawn(world, { ...call, instruction: "preflight" })
        if (Either.isLeft(routed)) {
          const own = new Set(profile?.requiredInputs)
          const checks = [...common, ...routeChecks(routed.left, own)]
          const backend = profile === undefined ? undefined : lookup(config.backends, profile.backend)
          return report(
            {
              ...named,
              ...(profile === undefined
                ? {}
                : { provider: profile.provider, account_profile: profile.account, backend: profile.backend }),
              ...(backend === undefined ? {} : { adapter: backend.adapter })
            },
            checks
          )
        }
        const request = routed.right
        const identity = {
          ...named,
          provider: request.provider,
          account_profile: request.accountProfile,
          backend: request.backend,
          adapter: request.adapter,
          target_mode: request.target.mode
        }
        const checks = yield* adapters.find(request.adapter).pipe(
          Effect.flatMap((adapter) => adapter.check(request, live)),
          Effect.catchTag("AdapterNotFound", (error) =>
            Effect.succeed([
              fail(
                "adapter",
                `Adapter "${error.name}" is declared but not built into this version, so nothing can be dispatched to it.`
              )
            ])
          )
        )
        const policy = policyCheck(yield* ruled("spawn_cloud_agent", request))
        return report(identity, [...common, pass("route", `goes to backend "${request.backend}"`), policy, ...checks])
      })

      return {
        check,
        checkAll: (live) =>
          names.length === 0
            ? Effect.map(installed, (checked) => [
                report({}, [
                  ...checked,
                  { name: "runtimes", status: "warn", message: "no runtime profile is configured" }
                ])
              ])
            : Effect.forEach(names, (runtime) => Effect.orDie(check({ runtime }, live)))
      }
    })
  )
}

const report = (identity: Omit<PreflightReport, "ok" | "checks">, checks: ReadonlyArray<Check>): PreflightReport => ({
  ok: checks.every((check) => check.status !== "fail"),
  ...identity,
  checks
})

const policyCheck = ({ decision, refusal }: Ruling): Check =>
  refusal === undefined
    ? pass("policy", `allowed by ${decision.rule}: ${decision.reason}`)
    : fail("policy", refusal.message)

const routeChecks = (error: DispatchError, broughtByTheCall: ReadonlySet<string>): ReadonlyArray<Check> =>
  error._tag === "NeedsAnswers"
    ? error.questions.map((question) =>
        broughtByTheCall.has(question.id)
          ? { name: question.id, status: "warn", message: `each call must bring "${question.id}"` }
          : fail(question.id, `is not configured. ${question.question}`)
      )
    : [fail("route", error.message)]
