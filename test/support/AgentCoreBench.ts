import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import {
  BedrockAgentCoreClient,
  InvokeAgentRuntimeCommand,
  type InvokeAgentRuntimeCommandInput,
  InvokeAgentRuntimeCommandCommand,
  StopRuntimeSessionCommand
} from "@aws-sdk/client-bedrock-agentcore"
import {
  BedrockAgentCoreControlClient,
  type CreateAgentRuntimeCommandInput
} from "@aws-sdk/client-bedrock-agentcore-control"
import { assert } from "@effect/vitest"
import { Schema } from "effect"
import { serve } from "../emulators/agentcore/Emulator.js"
import { type EmulatorOptions, type SeedRuntime, type WorkerCommand } from "../emulators/agentcore/Options.js"

export const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/agentcore/${name}`, import.meta.url))

export const scripted: WorkerCommand = { command: [process.execPath, fixture("scripted-worker.mjs")] }

const Answer = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
export const parsed = Schema.decodeUnknownSync(Answer)

export const sessionId = () => `session-${randomUUID()}`

/** A failed call as its caller sees it. */
export const failureOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => assert.fail("the call succeeded"),
    (thrown: unknown) => thrown
  )
  return Schema.decodeUnknownSync(Failure)(error)
}

const Failure = Schema.Struct({
  name: Schema.String,
  message: Schema.String,
  code: Schema.optional(Schema.String),
  reason: Schema.optional(Schema.String),
  fieldList: Schema.optional(Schema.Array(Schema.Struct({ name: Schema.String, message: Schema.String }))),
  $metadata: Schema.optional(
    Schema.Struct({
      httpStatusCode: Schema.optional(Schema.Number),
      requestId: Schema.optional(Schema.String),
      attempts: Schema.optional(Schema.Number)
    })
  )
})

/** Polls until the claim holds; a claim that never does fails with its words. */
export const until = async (claim: string, holds: () => boolean | Promise<boolean>, ms = 10_000) => {
  const deadline = Date.now() + ms
  while (!(await holds())) {
    if (Date.now() > deadline) assert.fail(`never came true: ${claim}`)
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
}

/** Whether a process runs; one that ended and was not yet collected by its parent does not. */
export const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

export const someRuntime = (name: string): CreateAgentRuntimeCommandInput => ({
  agentRuntimeName: name,
  roleArn: "arn:aws:iam::123456789012:role/agent",
  networkConfiguration: { networkMode: "PUBLIC" },
  agentRuntimeArtifact: {
    containerConfiguration: { containerUri: "123456789012.dkr.ecr.us-east-1.amazonaws.com/worker:1" }
  }
})

type Script = Readonly<Record<string, unknown>>

/** An emulator with one runtime, both genuine clients on it with one attempt each, and short words for common calls. */
export const openBench = async (options: Partial<EmulatorOptions> = {}, seed: Partial<SeedRuntime> = {}) => {
  const emulator = await serve({ workers: { "*": scripted }, ...options })
  const client = {
    region: "us-east-1",
    endpoint: emulator.url,
    credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "secret" },
    maxAttempts: 1
  }
  const data = new BedrockAgentCoreClient(client)
  const control = new BedrockAgentCoreControlClient(client)
  const runtime = emulator.control.createRuntime({ agentRuntimeName: "first", ...seed })
  const invoke = (session: string, payload: Script | Uint8Array, more: Partial<InvokeAgentRuntimeCommandInput> = {}) =>
    data.send(
      new InvokeAgentRuntimeCommand({
        agentRuntimeArn: runtime.arn,
        runtimeSessionId: session,
        contentType: "application/json",
        accept: "application/json, text/event-stream",
        payload: payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload)),
        ...more
      })
    )
  const textOf = async (
    session: string,
    payload: Script | Uint8Array,
    more: Partial<InvokeAgentRuntimeCommandInput> = {}
  ) => {
    const { response } = await invoke(session, payload, more)
    return (await response?.transformToString()) ?? ""
  }
  return {
    emulator,
    client,
    data,
    control,
    arn: runtime.arn,
    id: runtime.id,
    runtime,
    invoke,
    textOf,
    say: async (session: string, payload: Script, more: Partial<InvokeAgentRuntimeCommandInput> = {}) =>
      parsed(await textOf(session, payload, more)),
    stop: (session: string, more: { readonly qualifier?: string; readonly clientToken?: string } = {}) =>
      data.send(new StopRuntimeSessionCommand({ agentRuntimeArn: runtime.arn, runtimeSessionId: session, ...more })),
    run: async (session: string, command: string, timeout?: number) => {
      const { stream } = await data.send(
        new InvokeAgentRuntimeCommandCommand({
          agentRuntimeArn: runtime.arn,
          runtimeSessionId: session,
          body: { command, ...(timeout === undefined ? {} : { timeout }) }
        })
      )
      let [stdout, stderr] = ["", ""]
      const kinds: Array<string> = []
      for await (const { chunk } of stream ?? []) {
        kinds.push(...Object.keys(chunk ?? {}))
        stdout += chunk?.contentDelta?.stdout ?? ""
        stderr += chunk?.contentDelta?.stderr ?? ""
        if (chunk?.contentStop !== undefined)
          return { stdout, stderr, kinds, exitCode: chunk.contentStop.exitCode, status: chunk.contentStop.status }
      }
      return { stdout, stderr, kinds, exitCode: undefined, status: undefined }
    },
    close: async () => {
      data.destroy()
      control.destroy()
      const pids = emulator.ledgers.billing().map(({ pid }) => pid)
      await emulator.close()
      assert.deepEqual(emulator.ledgers.live(), [])
      for (const pid of pids) assert.isFalse(pid !== undefined && alive(pid), `process ${String(pid)} is still there`)
    }
  }
}

export type Bench = Awaited<ReturnType<typeof openBench>>

/** Opens a bench for one test and closes it whatever happens. */
export const withBench = async (
  options: Partial<EmulatorOptions>,
  seed: Partial<SeedRuntime>,
  test: (bench: Bench) => Promise<void>
) => {
  const bench = await openBench(options, seed)
  await test(bench).finally(bench.close)
}
