import { Effect, Layer, Ref, Runtime, type Scope } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import { Answers } from "../../src/dispatch/Answers.js"
import { Awaiting } from "../../src/dispatch/Awaiting.js"
import { Dispatch } from "../../src/dispatch/Dispatch.js"
import { Drive } from "../../src/dispatch/Drive.js"
import { Explain } from "../../src/dispatch/Explain.js"
import { Fanout } from "../../src/dispatch/Fanout.js"
import { FollowUp } from "../../src/dispatch/FollowUp.js"
import { Inbox } from "../../src/dispatch/Inbox.js"
import { Lanes } from "../../src/dispatch/Lanes.js"
import { Preflight } from "../../src/dispatch/Preflight.js"
import { TaskArtifacts } from "../../src/dispatch/TaskArtifacts.js"
import { Watch } from "../../src/dispatch/Watch.js"
import type { Config } from "../../src/domain/Config.js"
import type { StoreFailed } from "../../src/domain/DispatchError.js"
import * as IdsRandom from "../../src/drivers/IdsRandom.js"
import * as SchedulerLease from "../../src/drivers/SchedulerLease.js"
import * as StoreSql from "../../src/drivers/StoreSql.js"
import { makeHttp } from "../../src/mcp/Http.js"
import { makeOffer, type Serving } from "../../src/mcp/Server.js"
import type { Core } from "../../src/mcp/Tool.js"
import { Allowlist } from "../../src/services/Allowlist.js"
import { Audit, type AuditRecord } from "../../src/services/Audit.js"
import { Ids } from "../../src/services/Ids.js"
import { Installation } from "../../src/services/Installation.js"
import { Scheduler } from "../../src/services/Scheduler.js"
import { Settings } from "../../src/services/Settings.js"
import { fakeTransport } from "../fakes/FakeTransport.js"
import { prompts } from "./FixturePrompts.js"
import { account, tools } from "./FixtureTools.js"
import * as ScriptedAdapter from "./ScriptedAdapter.js"

const host = "127.0.0.1"

const config: Config = {
  accounts: { [account.name]: { provider: account.provider, credentialSource: "none" } },
  backends: { [account.backend]: { adapter: "scripted", account: account.name } },
  runtimes: {},
  defaults: {},
  policy: { rules: [] }
}

/** The product's own core over its database; only the backend, the audit and the lanes are not the product's. */
const layer = (stateDir: string) =>
  Layer.mergeAll(
    Answers.layer,
    Awaiting.layer,
    Dispatch.layer,
    Drive.layer,
    Explain.layer,
    Fanout.layer,
    FollowUp.layer,
    Inbox.layer,
    Preflight.layer,
    TaskArtifacts.layer
  ).pipe(
    Layer.provideMerge(Watch.layer),
    Layer.provideMerge(Lanes.layer),
    Layer.provideMerge(SchedulerLease.layer()),
    Layer.provideMerge(
      Layer.mergeAll(
        StoreSql.layer,
        IdsRandom.layer,
        ScriptedAdapter.layer,
        fakeTransport().layer,
        Layer.unwrapEffect(Effect.map(Ref.make<ReadonlyArray<AuditRecord>>([]), Audit.layerMemory)),
        Allowlist.layerMemory(Effect.succeed({ orgs: {}, repos: {} })),
        Layer.succeed(Settings, { config, source: "the fixture's config", environment: {} })
      )
    ),
    Layer.provideMerge(
      Layer.succeed(Installation, {
        version: "0.0.0",
        supervisor: [process.execPath],
        worker: [process.execPath],
        stateDir
      })
    )
  )

/** The tools and prompts the suite calls, served by the product's edge from the product's core; gives its URL. */
export const fixtureServer = (stateDir: string): Effect.Effect<string, StoreFailed, Scope.Scope> =>
  Effect.flatMap(Layer.build(layer(stateDir)), (context) => Effect.provide(serve, context))

const serve = Effect.gen(function* () {
  const scheduler = yield* Scheduler
  const drive = yield* Drive
  yield* Effect.forkScoped(scheduler.run(drive.step))
  const runtime = yield* Effect.runtime<Core>()
  const ids = yield* Ids
  const serving: Serving = {
    run: (effect, signal) => Runtime.runPromise(runtime)(effect, { signal }),
    version: "0.0.0",
    runtimes: [],
    offer: makeOffer(tools, prompts),
    waits: {},
    stateKey: yield* ids.digest(yield* ids.token)
  }
  const http = yield* makeHttp({
    serving,
    http: {},
    host,
    isReady: Effect.succeed(true),
    // Most of what the suite sends wrongly it sends on purpose.
    onerror: () => undefined
  })
  const server = createServer((request, response) => void Runtime.runPromise(runtime)(http.handle(request, response)))
  yield* Effect.acquireRelease(
    Effect.promise(() => once(server.listen({ host, port: 0 }), "listening")),
    () =>
      Effect.promise(async () => {
        await http.close()
        server.closeAllConnections()
        server.close()
      })
  )
  const address = server.address()
  return `http://${host}:${typeof address === "object" ? (address?.port ?? 0) : 0}/mcp`
})
