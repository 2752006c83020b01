import type { Entry } from "../Entry.js"

/** `adapters/<name>/Adapter.ts` as it is first written: it compiles, and every member says that it is not written. */
export const adapterSeed = (name: string): string => `import { Effect, Layer } from "effect"
import { Adapter } from "../../src/services/Adapter.js"
import { NotWritten, spec } from "./Spec.generated.js"

const notWritten = (member: string) => Effect.fail(new NotWritten({ member }))

/** Fill in one member at a time until the contract run of ${name} is green; then remove not_written from the manifest. */
export const layer: Layer.Layer<Adapter> = Layer.succeed(Adapter, {
  spec,
  describe: () => undefined,
  check: () => Effect.succeed([{ name: "adapter", status: "fail", message: new NotWritten({ member: "check" }).message }]),
  prepare: () => notWritten("prepare"),
  provision: () => notWritten("provision"),
  start: () => notWritten("start"),
  probe: () => notWritten("probe"),
  observe: () => notWritten("observe"),
  finish: () => notWritten("finish"),
  cancel: () => notWritten("cancel"),
  cleanup: () => notWritten("cleanup")
})
`

/** `adapters/<name>/Wire.ts` as it is first written. */
export const wireSeed = (name: string): string => `import { Schema } from "effect"
import { Json } from "../../src/domain/Json.js"

/** What the far side of ${name} answers when asked about a piece of work: its JSON, as documented there. */
export const WorkStatus = Schema.Struct({
  state: Schema.Literal("running", "succeeded", "failed"),
  result: Schema.optional(Json)
})
export type WorkStatus = typeof WorkStatus.Type
`

/** `test/fixtures/adapters/<name>.ts` as it is first written. */
export const fixtureSeed = (name: string, entry: Entry): string => `import { Effect } from "effect"
import { layer } from "../../../adapters/${name}/Adapter.js"
import type { RoutedRequest } from "../../../src/domain/Task.js"
import type { AdapterFixture } from "../../contracts/AdapterFixture.js"

const request = (instruction: string): RoutedRequest => ({
  provider: ${JSON.stringify(entry.provider)},
  accountProfile: "contract",
  account: {},
  capability: ${JSON.stringify(entry.capability)},
  backend: "contract",
  adapter: ${JSON.stringify(name)},
  taskType: ${JSON.stringify(entry.taskTypes[0])},
  target: { mode: ${JSON.stringify(entry.targetModes[0])} },
  details: {},
  input: { instruction }
})

/** Emulate the far side, count in \`runs\` what it really began, and look in \`alive\` at what it still runs. */
export const fixture: AdapterFixture = {
  layer,
  requests: {
    succeeds: Effect.succeed(request("succeed")),
    fails: Effect.succeed(request("fail")),
    endless: Effect.succeed(request("run until cancelled"))
  },
  runs: () => Effect.succeed(0),
  alive: () => Effect.succeed(false)
}
`

/** The manifest entry of a new adapter, its comments the documentation. */
export const entrySeed = (name: string): string => `# What people call it.
title: ${name}
# The provider its accounts belong to.
provider: ${name}
# agent-runtime | service-deploy | job-runner | container-task | workflow-runner
capability: agent-runtime
# agent.run | command.run
taskTypes: [agent.run]
# session: on something that exists | runtime: on something made for the task
targetModes: [session]
# How its agents can be spoken to, such as http or a2a.
protocols: []
# What a repeated start does. idempotent: nothing | probe: unknown, but it can be asked | once: perhaps a second run
start: once
# process | http | sdk
transport: http
# How many tasks of one backend may be under way at once.
maxConcurrent: 10
# Fields of accounts.<name>.details; types: string, int, number, boolean, string[], record, enum, json.
account:
  fields: {}
# Fields of backends.<name>.details; with caller: true a tool call may set one too.
details:
  fields:
    endpoint:
      type: string
      description: Where the service is reached, an https URL.
# What a request must bring: { id: <a detail with caller: true>, question, modes, taskTypes, environment }.
needs: []
# Each way it can fail; delivery is what a failed start did: none (never arrived), unknown or done.
errors:
  not_written:
    retryable: false
    delivery: none
    message: "adapters/${name}/Adapter.ts: {member} is not written yet. Write it, or set built: false in the manifest."
    fields: { member: string }
`
