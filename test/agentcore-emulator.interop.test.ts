import {
  GetAgentCardCommand,
  InvokeAgentRuntimeCommand,
  BedrockAgentCoreClient
} from "@aws-sdk/client-bedrock-agentcore"
import { Role, TaskState } from "@a2a-js/sdk"
import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from "@a2a-js/sdk/client"
import {
  ClientFactory as OldClientFactory,
  DefaultAgentCardResolver as OldAgentCardResolver,
  JsonRpcTransportFactory as OldTransportFactory
} from "a2a-js-sdk-0.3/client"
import { assert, describe, it } from "@effect/vitest"
import { type Bench, failureOf, fixture, parsed, sessionId, withBench } from "./support/AgentCoreBench.js"

const running = (file: string, env: Record<string, string> = {}) => ({
  workers: { "*": { command: [process.execPath, fixture(file)], env } }
})

/** How an A2A client speaks to a runtime: through the signed operations of the AWS client. */
const fetchThrough = (bench: Bench, session: string, version: string | undefined) => {
  const client = new BedrockAgentCoreClient(bench.client)
  if (version !== undefined)
    client.middlewareStack.add(
      (next) => (args) => {
        const headers: unknown = Reflect.get(args.request ?? {}, "headers")
        if (typeof headers === "object" && headers !== null) Object.assign(headers, { "A2A-Version": version })
        return next(args)
      },
      { step: "build" }
    )
  return async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const target = { agentRuntimeArn: bench.arn, runtimeSessionId: session }
    if (String(input).endsWith("agent-card.json")) {
      const { agentCard } = await client.send(new GetAgentCardCommand(target))
      return Response.json(agentCard)
    }
    const { response, contentType } = await client.send(
      new InvokeAgentRuntimeCommand({
        ...target,
        contentType: "application/json",
        accept: new Headers(init?.headers).get("accept") ?? "application/json",
        payload: Buffer.from(String(init?.body))
      })
    )
    return new Response(response?.transformToWebStream() ?? null, {
      headers: { "content-type": contentType ?? "application/json" }
    })
  }
}

describe("the official bedrock-agentcore worker behind the emulator", () => {
  it("answers a prompt in JSON and as a stream, and its errors are 424", () =>
    withBench(running("official-worker.mjs"), {}, async ({ say, textOf, invoke, run, stop }) => {
      const session = sessionId()
      assert.deepEqual(await say(session, { prompt: "hello" }, { accept: "application/json" }), {
        output: "you said: hello",
        sessionId: session
      })
      const stream = await textOf(session, { prompt: "one two", stream: true }, { accept: "text/event-stream" })
      assert.deepEqual(
        stream.split("\n").filter((line) => line.startsWith("data:")),
        ['data: {"text":"one"}', 'data: {"text":"two"}']
      )
      assert.strictEqual((await failureOf(invoke(session, { fail: true }))).$metadata?.httpStatusCode, 424)
      const octets = await failureOf(invoke(session, {}, { contentType: "application/octet-stream" }))
      assert.match(octets.message, /Received error \(415\)/)
      assert.deepInclude(await run(session, "printf done"), { stdout: "done", exitCode: 0 })
      await stop(session)
    }))
})

describe("A2A servers behind the emulator", () => {
  const a2a = { serverProtocol: "A2A", requestHeaderAllowlist: ["A2A-Version"] } as const

  const modern = async (bench: Bench, session: string) => {
    const fetchImpl = fetchThrough(bench, session, "1.0")
    const factory = new ClientFactory({
      transports: [new JsonRpcTransportFactory({ fetchImpl })],
      cardResolver: new DefaultAgentCardResolver({ fetchImpl })
    })
    return factory.createFromUrl("http://runtime.invalid/")
  }

  const message = (text: string) => ({
    messageId: `message-${text}`,
    contextId: "",
    taskId: "",
    role: Role.ROLE_USER,
    parts: [
      { content: { $case: "text" as const, value: text }, metadata: undefined, filename: "", mediaType: "text/plain" }
    ],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: []
  })

  it("speak v1.0 with the genuine A2A client, when the runtime lets A2A-Version through", () =>
    withBench(running("a2a-1-worker.mjs"), a2a, async (bench) => {
      const client = await modern(bench, sessionId())
      const sent = await client.sendMessage({
        message: message("sleep 50"),
        configuration: undefined,
        metadata: undefined,
        tenant: ""
      })
      assert.isTrue("status" in sent)
      if (!("status" in sent)) return
      assert.strictEqual(sent.status?.state, TaskState.TASK_STATE_COMPLETED)
      assert.strictEqual(sent.artifacts[0]?.parts[0]?.content?.value, "you said: sleep 50")
      const again = await client.getTask({ id: sent.id, tenant: "", historyLength: undefined })
      assert.strictEqual(again.status?.state, TaskState.TASK_STATE_COMPLETED)
    }))

  it("see version 0.3, and refuse v1.0 methods, when the runtime does not let it through", () =>
    withBench(running("a2a-1-worker.mjs"), { serverProtocol: "A2A" }, async (bench) => {
      const client = await modern(bench, sessionId())
      const sent = client.sendMessage({
        message: message("x"),
        configuration: undefined,
        metadata: undefined,
        tenant: ""
      })
      assert.match((await failureOf(sent)).message, /version|Method not found/i)
    }))

  it("speak v0.3 with the genuine client of that version, the old server and the new one's compatibility alike", async () => {
    for (const worker of [running("a2a-0.3-worker.mjs"), running("a2a-1-worker.mjs", { COMPAT: "1" })])
      await withBench(worker, { serverProtocol: "A2A" }, async (bench) => {
        const fetchImpl = fetchThrough(bench, sessionId(), undefined)
        const factory = new OldClientFactory({
          transports: [new OldTransportFactory({ fetchImpl })],
          cardResolver: new OldAgentCardResolver({ fetchImpl })
        })
        const client = await factory.createFromUrl("http://runtime.invalid/")
        const sent = await client.sendMessage({
          message: { kind: "message", messageId: "m", role: "user", parts: [{ kind: "text", text: "hello" }] },
          configuration: { blocking: true }
        })
        assert.strictEqual(sent.kind, "task")
        if (sent.kind !== "task") return
        assert.strictEqual(sent.status.state, "completed")
        assert.include(JSON.stringify(sent.artifacts), "you said: hello")
        assert.strictEqual(bench.emulator.ledgers.deliveries({ method: "message/send", taskId: "m" }).length, 1)
      })
  })

  it("forget a task with their machine: the same session answers that it does not know it", () =>
    withBench(running("a2a-0.3-worker.mjs"), { serverProtocol: "A2A" }, async (bench) => {
      const session = sessionId()
      const rpc = async (method: string, params: unknown) =>
        parsed(await bench.textOf(session, { jsonrpc: "2.0", id: 7, method, params }))
      const sent = await rpc("message/send", {
        message: { kind: "message", messageId: "m", role: "user", parts: [{ kind: "text", text: "hi" }] }
      })
      const id = String(Object(sent["result"])["id"])
      assert.isUndefined((await rpc("tasks/get", { id }))["error"])
      void bench.emulator.control.addFault({ op: "InvokeAgentRuntime", kind: "recycle" })
      assert.strictEqual(Object((await rpc("tasks/get", { id }))["error"])["code"], -32001)
    }))
})
