import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either, type Scope } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import type { TaskStatus } from "../../src/domain/Lifecycle.js"
import type { NewFault } from "../emulators/agentcore/Faults.js"
import type { Invocation } from "../emulators/agentcore/Ledger.js"
import { arns, emulator, image } from "./AgentCoreWork.js"
import { greeted, type RawServer } from "./RawServer.js"
import { eventually, type Place, place } from "./Server.js"
import { type Row, type Rows, rowsAt } from "./TaskRows.js"

const backend = (details: JsonObject): JsonObject => ({
  adapter: "aws-agentcore",
  account: "dev",
  details: { endpoint: emulator.url, ...details }
})

const role = "arn:aws:iam::123456789012:role/agent"

const longWork = emulator.control.createRuntime({
  agentRuntimeName: "long_work",
  containerUri: image,
  idleRuntimeSessionTimeout: 900,
  maxLifetime: 28_800
})

/** The runtimes that no task made. */
export const premade: ReadonlyArray<string> = emulator.control.runtimes().map(({ arn }) => arn)

/** A config whose account lives in the emulator, with one backend for every way of speaking to a runtime. */
const config: JsonObject = {
  accounts: { dev: { provider: "aws", region: "us-east-1", credentialSource: "aws-sdk-default" } },
  backends: {
    worker: backend({ runtimeArn: arns.ours, worker: "dispatch/1" }),
    long: backend({ runtimeArn: longWork.arn, worker: "dispatch/1" }),
    narrow: backend({ runtimeArn: arns.ours, worker: "dispatch/1", maxConcurrent: 1 }),
    app: backend({ runtimeArn: arns.stranger }),
    a2a03: backend({ runtimeArn: arns.a2a, protocol: "a2a" }),
    a2a1: backend({ runtimeArn: arns.a2a, protocol: "a2a", a2aVersion: "1.0" }),
    made: backend({ ecrImageUri: image, executionRoleArn: role, worker: "dispatch/1" })
  }
}

export type Backend = "worker" | "long" | "narrow" | "app" | "a2a03" | "a2a1" | "made"

/** One place with its servers, each of which signs its calls with an access key of its own. */
export interface Scene {
  readonly at: Place
  readonly rows: () => Rows
  /** Starts a server under a new key; `faults` meet no other server's calls. */
  readonly server: (faults?: ReadonlyArray<NewFault>) => Effect.Effect<RawServer, never, Scope.Scope>
  /** What the servers of this scene have asked of the service, the oldest first. */
  readonly calls: () => ReadonlyArray<Invocation>
  /** What the newest server has asked. */
  readonly newest: () => ReadonlyArray<Invocation>
  /** A name for the next work to sign with. */
  readonly nextSign: () => string
  /** What each work has signed, by its name. */
  readonly signs: () => ReadonlyArray<ReadonlyArray<string>>
}

let keys = 0

export const newScene: Effect.Effect<Scene, never, Scope.Scope> = Effect.gen(function* () {
  const at = yield* place
  const mine: Array<string> = []
  let signed = 0
  let rows: Rows | undefined
  const madeBy = (wanted: (key: string) => boolean) =>
    emulator.ledgers.invocations.filter(({ accessKeyId = "" }) => wanted(accessKeyId))
  const signFile = (number: number) => join(at.folder, `sign.${number}`)
  return {
    at,
    rows: () => {
      if (rows === undefined) throw new Error("no server has been started")
      return rows
    },
    server: (faults = []) =>
      Effect.gen(function* () {
        const accessKeyId = `AKIDKILL${++keys}`
        mine.push(accessKeyId)
        for (const fault of faults) void emulator.control.addFault({ ...fault, match: { ...fault.match, accessKeyId } })
        const server = yield* greeted(at, { config, env: environment(at, accessKeyId) })
        rows ??= yield* rowsAt(at)
        return server
      }),
    calls: () => madeBy((key) => mine.includes(key)),
    newest: () => madeBy((key) => key === mine.at(-1)),
    nextSign: () => signFile(++signed),
    signs: () => Array.from({ length: signed }, (_, index) => linesIn(signFile(index + 1)))
  }
})

/** Nothing of the machine's own AWS configuration takes part. */
const environment = ({ folder }: Place, accessKeyId: string) => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: "not-a-secret",
  AWS_CONFIG_FILE: join(folder, "none"),
  AWS_SHARED_CREDENTIALS_FILE: join(folder, "none"),
  AWS_EC2_METADATA_DISABLED: "true"
})

const linesIn = (file: string): ReadonlyArray<string> =>
  Either.getOrElse(
    Either.try(() => readFileSync(file, "utf8").split("\n").slice(0, -1)),
    () => []
  )

/** A step of a task's life as it can be seen from outside; it answers nothing before the step is reached. */
export type Moment = (scene: Scene) => Effect.Effect<unknown>

/** The call that a fault of this server's met is where the fault holds it. */
export const held =
  ({ op, kind, when = "before", match }: NewFault): Moment =>
  ({ newest }) =>
    Effect.sync(() =>
      newest().find(
        (call) =>
          call.op === op &&
          call.fault === kind &&
          (match?.method === undefined || match.method === call.method) &&
          (when === "before" || (when === "sent" ? call.delivered : call.performed === true))
      )
    )

const inDatabase =
  (wanted: (row: Row) => boolean): Moment =>
  ({ rows }) =>
    Effect.map(rows().tasks, (tasks) => tasks.find(wanted))

export const status = (wanted: TaskStatus): Moment => inDatabase((row) => row.status === wanted)

/** Over for the caller, and its resources are not confirmed gone. */
const unconfirmed = (wanted: TaskStatus): Moment => inDatabase((row) => row.status === wanted && row.settled === 0)

export const unsettled = unconfirmed("succeeded")
export const cancelledUnsettled = unconfirmed("cancelled")

/** Some work has signed this last. */
export const signed =
  (word: "begin" | "end"): Moment =>
  ({ signs }) =>
    Effect.sync(() => signs().find((lines) => lines.at(-1) === word))

export const all =
  (...moments: ReadonlyArray<Moment>): Moment =>
  (scene) =>
    Effect.map(
      Effect.forEach(moments, (moment) => moment(scene)),
      (seen) => (seen.every((found) => found !== undefined) ? seen : undefined)
    )

/** Makes the arguments of a `dispatch_task` whose work signs when it begins and when it ends. */
export type Work = (scene: Scene) => JsonObject

const dispatching = (name: Backend, input: JsonObject, more: JsonObject = {}): JsonObject => ({
  provider: "aws",
  account_profile: "dev",
  capability: "agent-runtime",
  backend: name,
  task_type: "agent.run",
  target: name === "made" ? { mode: "runtime", protocol: "http" } : { mode: "session" },
  input,
  ...more
})

const script = (scene: Scene, middle: string, last = ""): string => {
  const sign = scene.nextSign()
  return `echo begin >> ${sign}; ${middle}${last === "" ? "" : `${last}; `}echo end >> ${sign}`
}

const answer = `echo '{"type":"task.result","payload":{"answer":42}}'`
/** Above what a worker sends along with its state. */
const large = `{ printf '{"type":"task.result","payload":{"answer":"'; head -c 300000 /dev/zero | tr '\\0' x; printf '"}}\\n'; }`
const waiting = ({ at }: Scene) => `while [ ! -e ${join(at.folder, "go")} ]; do sleep 0.1; done; `

export const quick =
  (name: Backend): Work =>
  (scene) =>
    dispatching(name, { instruction: script(scene, "", answer) })

/** Waits until it is allowed to end. */
export const patient =
  (name: Backend): Work =>
  (scene) =>
    dispatching(name, { instruction: script(scene, waiting(scene), answer) })

/** Says something all the time until it is allowed to end. */
export const talking =
  (name: Backend): Work =>
  (scene) =>
    dispatching(name, { instruction: script(scene, waiting(scene).replace("sleep", "echo tick; sleep"), answer) })

/** Lets hours of the service's time pass within seconds. */
export const hoursPass = (hours: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { clock, setSpeed } = emulator.control
    const { speed } = clock
    const until = clock.now() + hours * 3_600_000
    setSpeed(3_600)
    return eventually(Effect.sync(() => (clock.now() >= until ? true : undefined))).pipe(
      Effect.ensuring(Effect.sync(() => setSpeed(speed))),
      Effect.asVoid
    )
  })

export const bulky =
  (name: Backend): Work =>
  (scene) =>
    dispatching(name, { instruction: script(scene, "", large) })

/** For an app that knows nothing of us and signs only that it began. */
export const prompt =
  (more: JsonObject = {}): Work =>
  (scene) =>
    dispatching("app", { instruction: JSON.stringify({ sign: scene.nextSign(), ...more }) })

const inShell = (line: string) => dispatching("app", { command: ["/bin/sh", "-c", line] }, { task_type: "command.run" })

export const command: Work = (scene) => inShell(script(scene, "", "echo 42"))
export const patientCommand: Work = (scene) => inShell(script(scene, waiting(scene), "echo 42"))
