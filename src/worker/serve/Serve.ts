import { tmpdir } from "node:os"
import { join } from "node:path"
import { Deferred, Effect } from "effect"
import { readDeployment } from "../Deployment.js"
import { a2a } from "./A2a.js"
import { makeA2aTasks } from "./A2aTasks.js"
import { makeBoot } from "./Boot.js"
import { makeDispatch } from "./Dispatch.js"
import { makeHealth } from "./Health.js"
import { invocations } from "./Invocations.js"
import { makeJournal, nameOf } from "./Journal.js"
import { operations } from "./Operations.js"
import { listen } from "./Listen.js"
import { makeTasks } from "./Tasks.js"

/** The process a serving worker runs in. */
export interface ServeSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly log: (line: string) => void
  /** Told once, when every port listens. */
  readonly onListening: (ports: Ports) => void
  /** Calls back with the name of a signal that asks us to stop. */
  readonly onStop: (stop: (signal: string) => void) => void
}

export interface Ports {
  readonly http?: number
  readonly a2a?: number
}

/** The platform kills a session that takes longer to leave. */
const drainWithin = "10 seconds"

/** Serves tasks until a signal asks it to stop; succeeds with the exit code. */
export const serve = (at: ServeSurroundings): Effect.Effect<number> =>
  Effect.scoped(serving(at)).pipe(
    Effect.as(0),
    Effect.catchAll((error) =>
      Effect.sync(() => {
        at.log(error.message)
        return 1
      })
    )
  )

const serving = Effect.fnUntraced(function* (at: ServeSurroundings) {
  const deployment = yield* readDeployment(at.env)
  const { AGENTDISPATCH_JOURNAL_DIR: journalFolder, AGENTDISPATCH_WORKER_PROTOCOL: wanted } = deployment
  const artifacts =
    deployment.AGENTDISPATCH_ARTIFACT_DIR ??
    (journalFolder === undefined ? join(tmpdir(), "agentdispatch-worker") : join(journalFolder, "artifacts"))
  const folderOf = (taskId: string) => join(artifacts, nameOf(taskId))
  const { AGENTDISPATCH_WORKER_HOST: host } = deployment
  const health = makeHealth()
  const boot = makeBoot()
  const shop = { deployment, env: at.env, cwd: at.cwd, folderOf, log: at.log }
  const tasks = yield* makeTasks(shop, makeJournal(journalFolder), health, boot)
  const dispatch = makeDispatch(operations(tasks, folderOf, protocolsOf(wanted)), boot)

  const http = wanted.includes("http")
    ? yield* listen(invocations(health, tasks, dispatch, at.log), host, deployment.PORT, at.log)
    : undefined
  const a2aListener = wanted.includes("a2a")
    ? yield* listen(
        a2a(health, makeA2aTasks(tasks, folderOf), deployment.AGENTCORE_RUNTIME_URL, at.log),
        host,
        deployment.A2A_PORT,
        at.log
      )
    : undefined
  at.onListening({
    ...(http === undefined ? {} : { http: http.port }),
    ...(a2aListener === undefined ? {} : { a2a: a2aListener.port })
  })
  const stop = yield* Deferred.make<string>()
  at.onStop((signal) => Deferred.unsafeDone(stop, Effect.succeed(signal)))
  const signal = yield* Deferred.await(stop)
  at.log(`${signal}: ending the work.`)
  const answered = Effect.forEach([http, a2aListener], (listener) => listener?.idle ?? Effect.void)
  yield* Effect.timeoutOption(Effect.zipRight(tasks.drain(signal), answered), drainWithin)
})

const protocolsOf = (wanted: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...(wanted.includes("http") ? ["dispatch/1", "http"] : []),
  ...(wanted.includes("a2a") ? ["a2a/0.3", "a2a/1.0"] : [])
]
