import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { layer as adapterLayer } from "../../adapters/local-process/Adapter.js"
import * as TransportProcess from "../../src/drivers/TransportProcess.js"
import type { JsonObject } from "../../src/domain/Json.js"
import type { RoutedRequest, TaskType } from "../../src/domain/Task.js"
import { Transport } from "../../src/services/Transport.js"
import { Installation } from "../../src/services/Installation.js"

/** Removed after the suite; a supervisor whose folder is gone ends its task. */
export const root = mkdtempSync(join(tmpdir(), "agentdispatch-local-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

export const stateDir = join(root, "state")
export const supervisor = fileURLToPath(new URL("../../dist/supervisor.js", import.meta.url))

const installation = Layer.succeed(Installation, {
  version: "0.0.0",
  supervisor: [process.execPath, supervisor],
  worker: ["false"],
  stateDir
})

/** The adapter on this machine, with its state in a folder of the test process. */
export const layer = Layer.provide(adapterLayer, Layer.merge(TransportProcess.layer, installation))

/** The same, but whatever it launches is killed so many milliseconds later. */
export const layerThatKills = (afterMillis: number) =>
  Layer.provide(
    adapterLayer,
    Layer.merge(
      Layer.effect(
        Transport,
        Effect.map(Transport, (transport) => ({
          ...transport,
          launch: (command) =>
            Effect.tap(transport.launch(command), ({ pid }) =>
              Effect.forkDaemon(
                Effect.delay(
                  Effect.sync(() => process.kill(pid, "SIGKILL")),
                  afterMillis
                )
              )
            )
        }))
      ).pipe(Layer.provide(TransportProcess.layer)),
      installation
    )
  )

export const folderOf = (taskId: string): string => join(stateDir, "local", taskId)

const ledger = join(root, "ledger")

/** First thing each piece of test work does: one line for every time it really began. */
export const signs = `echo began >> "${ledger}.$AGENTDISPATCH_TASK_ID"; `

export const runs = (taskId: string): number =>
  Either.getOrElse(
    Either.try(() => readFileSync(`${ledger}.${taskId}`, "utf8").split("\n").length - 1),
    () => 0
  )

/** Processes that carry the task's id, as /proc tells; nothing of the adapter is asked. */
export const living = (taskId: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => readOr(`/proc/${pid}/environ`).includes(`AGENTDISPATCH_TASK_ID=${taskId}`))
    .filter((pid) => !/\) [ZX] /.test(readOr(`/proc/${pid}/stat`)))
    .map(Number)

const readOr = (path: string): string =>
  Either.getOrElse(
    Either.try(() => readFileSync(path, "latin1")),
    () => ""
  )

export const request = (
  details: JsonObject,
  input: JsonObject = { instruction: "work" },
  taskType: TaskType = "agent.run"
): RoutedRequest => ({
  provider: "local",
  accountProfile: "here",
  account: {},
  capability: "agent-runtime",
  backend: "desk",
  adapter: "local-process",
  taskType,
  target: { mode: "session" },
  details: { cwd: root, deadlineSeconds: 60, graceSeconds: 0.3, ...details },
  input
})

/** Work written for `sh`; it signs the ledger first. */
export const shell = (script: string, details: JsonObject = {}, input?: JsonObject): RoutedRequest =>
  request({ command: ["/bin/sh", "-c", signs + script], ...details }, input)

/** Work written for Node; it signs the ledger first. */
export const node = (script: string, details: JsonObject = {}): RoutedRequest =>
  request({
    command: [
      process.execPath,
      "-e",
      `require("fs").appendFileSync(${JSON.stringify(`${ledger}.`)} + process.env.AGENTDISPATCH_TASK_ID, "began\\n"); ${script}`
    ],
    ...details
  })

/** Waits until something is so, looking often; fails after ten seconds. */
export const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.sleep("20 millis").pipe(
    Effect.repeat({ until: holds }),
    Effect.timeoutFail({ duration: "15 seconds", onTimeout: () => new Error(`never came to be: ${what}`) }),
    Effect.orDie,
    Effect.asVoid
  )
