import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { layer as adapterLayer } from "../../adapters/aws-agentcore/Adapter.js"
import { sessionIdOf } from "../../adapters/aws-agentcore/Plan.js"
import type { JsonObject } from "../../src/domain/Json.js"
import type { RoutedRequest, TargetMode, TaskType } from "../../src/domain/Task.js"
import { Installation } from "../../src/services/Installation.js"
import { serve } from "../emulators/agentcore/Emulator.js"
import type { NewFault } from "../emulators/agentcore/Faults.js"
import { fixture } from "./AgentCoreBench.js"
import { asker } from "./AskingAgent.js"

export { sessionIdOf }

const root = mkdtempSync(join(tmpdir(), "agentdispatch-agentcore-"))
export const layer = Layer.provide(
  adapterLayer,
  Layer.succeed(Installation, {
    version: "0.0.0",
    supervisor: ["false"],
    worker: ["false"],
    stateDir: join(root, "state")
  })
)

const ledger = join(root, "ledger")
const dist = process.env["AGENTDISPATCH_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url))
const worker = join(dist, "worker.js")

// The SDK's default chain finds these; nothing of the machine's own configuration takes part.
Object.assign(process.env, {
  AWS_ACCESS_KEY_ID: "AKIDTEST0000000001LAST",
  AWS_SECRET_ACCESS_KEY: "not-a-secret",
  AWS_CONFIG_FILE: join(root, "none"),
  AWS_SHARED_CREDENTIALS_FILE: join(root, "none"),
  AWS_EC2_METADATA_DISABLED: "true"
})

export const image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/worker:1"

/** Our worker, whose framework `script` runs the instruction with `sh`. */
const ours = {
  command: [process.execPath, worker, "serve"],
  env: {
    PORT: "{port:8080}",
    A2A_PORT: "{port:9000}",
    AGENTDISPATCH_WORKER_HOST: "127.0.0.1",
    AGENTDISPATCH_AGENT_FRAMEWORK: "script",
    AGENTDISPATCH_WORKER_FRAMEWORKS: JSON.stringify({
      script: ["/bin/sh", "-c", "{instruction}"],
      asker: { command: [process.execPath, "-e", asker], interactive: true },
      mute: [process.execPath, "-e", asker]
    }),
    AGENTDISPATCH_WORKER_GRACE_SECONDS: "0.3",
    AGENTDISPATCH_COMMAND_ALLOWLIST: "/bin/echo,/bin/false",
    AGENTDISPATCH_ARTIFACT_DIR: "{dir}/artifacts"
  }
}

const peer = (name: string, env: Readonly<Record<string, string>> = {}) => ({
  command: [process.execPath, fixture(name)],
  env: { PORT: "{port}", ...env }
})
const registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

const strangers = { command: [process.execPath, fixture("stranger.mjs")], env: { PORT: "{port}" } }

export const emulator = await serve({
  workers: {
    [image]: ours,
    [`${registry}/stranger:1`]: strangers,
    [`${registry}/official:1`]: peer("official-worker.mjs"),
    [`${registry}/liar:1`]: peer("liar-worker.mjs"),
    [`${registry}/a2a-1:1`]: peer("a2a-1-worker.mjs"),
    [`${registry}/a2a-0.3:1`]: peer("a2a-0.3-worker.mjs"),
    "*": ours
  },
  speed: 20,
  timing: { init: 300_000, teardown: 0 }
})
afterAll(async () => {
  await emulator.close()
  rmSync(root, { recursive: true, force: true })
})

const seeded = (
  name: string,
  containerUri: string,
  serverProtocol: "HTTP" | "A2A",
  allow: ReadonlyArray<string> = [],
  environmentVariables: Readonly<Record<string, string>> = {}
) =>
  emulator.control.createRuntime({
    agentRuntimeName: name,
    environmentVariables,
    containerUri,
    serverProtocol,
    maxLifetime: 28_800,
    idleRuntimeSessionTimeout: 28_800,
    requestHeaderAllowlist: allow
  }).arn

export const arns = {
  ours: seeded("ours", image, "HTTP"),
  stranger: seeded("stranger", `${registry}/stranger:1`, "HTTP"),
  official: seeded("official", `${registry}/official:1`, "HTTP"),
  a2a: seeded("a2a", image, "A2A", ["A2A-Version"]),
  a2a1: seeded("a2a1", `${registry}/a2a-1:1`, "A2A", ["A2A-Version"]),
  a2a1Deaf: seeded("a2a1Deaf", `${registry}/a2a-1:1`, "A2A"),
  a2a03: seeded("a2a03", `${registry}/a2a-0.3:1`, "A2A")
}

let liars = 0

/** A runtime of its own whose worker answers nonsense, in the way its environment says. */
export const liar = (environment: Readonly<Record<string, string>>, serverProtocol: "HTTP" | "A2A" = "HTTP") =>
  seeded(`liar_${(liars += 1)}`, `${registry}/liar:1`, serverProtocol, ["A2A-Version"], environment)

/** First thing each piece of test work does: one line for every time it really began. */
export const signs = `echo began >> "${ledger}.$AGENTDISPATCH_TASK_ID"; `

/** Where a container of a stranger signs: it has no task id, so the prompt brings a name. */
export const signature = (name: string): string => `${ledger}.${name}`

export const runs = (name: string): number =>
  Either.getOrElse(
    Either.try(() => readFileSync(signature(name), "utf8").split("\n").length - 1),
    () => 0
  )

/** Whether the task's session is being paid for. */
export const alive = (taskId: string): boolean =>
  emulator.ledgers.live().some(({ sessionId }) => sessionId === sessionIdOf(taskId))

export const request = (
  details: JsonObject,
  input: JsonObject,
  given: { readonly taskType?: TaskType; readonly mode?: TargetMode; readonly protocol?: string } = {}
): RoutedRequest => ({
  provider: "aws",
  accountProfile: "dev",
  account: { provider: "aws", region: "us-east-1", credentialSource: "aws-sdk-default" },
  capability: "agent-runtime",
  backend: "cloud",
  adapter: "aws-agentcore",
  taskType: given.taskType ?? "agent.run",
  target: { mode: given.mode ?? "session", ...(given.protocol === undefined ? {} : { protocol: given.protocol }) },
  details: { endpoint: emulator.url, ...details },
  input
})

/** Work for our worker, in `sh`. */
export const script = (instruction: string, details: JsonObject = {}): RoutedRequest =>
  request({ runtimeArn: arns.ours, worker: "dispatch/1", ...details }, { instruction: signs + instruction })

/** Work for an app that knows nothing of us; it does what its prompt says. */
export const stranger = (prompt: JsonObject, details: JsonObject = {}): RoutedRequest =>
  request({ runtimeArn: arns.stranger, ...details }, { instruction: JSON.stringify(prompt) })

/** Disturbs one call; what it meets is narrowed by the task, so that suites do not meet each other's. */
export const disturb = (kind: NewFault["kind"], taskId: string, fault: Partial<NewFault> = {}) =>
  Effect.sync(() => {
    void emulator.control.addFault({
      op: "InvokeAgentRuntime",
      kind,
      ...fault,
      match: { sessionId: sessionIdOf(taskId), ...fault.match }
    })
  })
