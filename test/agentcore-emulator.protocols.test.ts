import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { BedrockAgentCoreClient, InvokeAgentRuntimeCommand } from "@aws-sdk/client-bedrock-agentcore"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { type Bench, alive, failureOf, fixture, parsed, sessionId, until, withBench } from "./support/AgentCoreBench.js"

/** The status and the text of a call's answer, good or bad, as they went over the wire. */
const wireOf = async (bench: Bench, session: string, payload: Record<string, unknown>) => {
  const client = new BedrockAgentCoreClient(bench.client)
  let seen: { readonly status: number; readonly type: string } = { status: 0, type: "" }
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      const response = Object(result.response)
      seen = { status: Number(response["statusCode"]), type: String(Object(response["headers"])["content-type"]) }
      return result
    },
    { step: "deserialize", priority: "low" }
  )
  const text = await client
    .send(
      new InvokeAgentRuntimeCommand({
        agentRuntimeArn: bench.arn,
        runtimeSessionId: session,
        contentType: "application/json",
        payload: Buffer.from(JSON.stringify(payload))
      })
    )
    .then(
      ({ response }) => response?.transformToString() ?? "",
      (error: unknown) => {
        const response = Object(Object(error)["$response"])
        seen = { ...seen, status: Number(response["statusCode"]) }
        return ""
      }
    )
  client.destroy()
  return { ...seen, text }
}

describe("the words of a runtime's protocol", () => {
  it("A2A: the request goes to /, and the platform's errors are JSON-RPC errors with the real status", () =>
    withBench({}, { serverProtocol: "A2A" }, async (bench) => {
      const session = sessionId()
      assert.strictEqual((await bench.say(session, {}))["path"], "/")
      for (const [kind, status] of [
        ["throttling", 429],
        ["retryable-conflict", 409],
        ["runtime-error", 424],
        ["internal-error", 500],
        ["quota", 429],
        ["access-denied", 403]
      ] as const) {
        void bench.emulator.control.addFault({ op: "InvokeAgentRuntime", kind })
        assert.strictEqual((await wireOf(bench, session, { jsonrpc: "2.0", id: 1 })).status, status, kind)
      }
      const failure = await failureOf(bench.invoke(session, { respond: 500, id: 1 }))
      assert.strictEqual(failure.$metadata?.httpStatusCode, 424)
    }))

  it("MCP: the request goes to /mcp, a listening port is health enough, and errors ride on 200", () =>
    withBench({}, { serverProtocol: "MCP" }, async (bench) => {
      const session = sessionId()
      assert.strictEqual((await bench.say(session, {}))["path"], "/mcp")
      for (const [kind, code] of [
        ["throttling", -32003],
        ["retryable-conflict", -32005],
        ["runtime-error", -32010],
        ["access-denied", -32002]
      ] as const) {
        void bench.emulator.control.addFault({ op: "InvokeAgentRuntime", kind })
        const { status, text } = await wireOf(bench, session, { jsonrpc: "2.0", id: "call", method: "tools/list" })
        assert.strictEqual(status, 200)
        const answer = parsed(text)
        assert.strictEqual(answer["id"], "call")
        assert.strictEqual(Object(answer["error"])["code"], code, kind)
      }
      const crashed = parsed(await bench.textOf(session, { exit: 1, id: 5 }))
      assert.strictEqual(Object(crashed["error"])["code"], -32010)
    }))

  it("AG-UI: errors are a RUN_ERROR event", () =>
    withBench({}, { serverProtocol: "AGUI" }, async (bench) => {
      const session = sessionId()
      assert.strictEqual((await bench.say(session, {}))["path"], "/invocations")
      const { status, text } = await wireOf(bench, session, { respond: 500 })
      assert.strictEqual(status, 200)
      assert.match(text, /^data: \{"type":"RUN_ERROR","code":"AGENT_ERROR","message":"Received error \(500\)/)
      void bench.emulator.control.addFault({ op: "InvokeAgentRuntime", kind: "retryable-conflict" })
      assert.strictEqual((await wireOf(bench, session, {})).status, 409)
    }))
})

describe("workers of different artifacts", () => {
  it("are chosen by image, with ports and folders put in where they are named", () => {
    const uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/special:2"
    const script =
      "require('http').createServer((q,r)=>r.end(JSON.stringify({status:'Healthy',argv:process.argv.slice(1)})))"
    const command = [
      process.execPath,
      "-e",
      `${script}.listen(Number(process.env.PORT))`,
      "{port}",
      "{port:9000}",
      "{dir}",
      "/mnt/data/x"
    ]
    return withBench(
      { workers: { [uri]: { command } } },
      { containerUri: uri, sessionStorage: "/mnt/data" },
      async (bench) => {
        const { argv } = await bench.say(sessionId(), {})
        const [port, second, dir, file] = Array.isArray(argv) ? argv.map(String) : []
        assert.match(port ?? "", /^\d+$/)
        assert.match(second ?? "", /^\d+$/)
        assert.notStrictEqual(port, second)
        assert.match(dir ?? "", /session-1\/boot-1$/)
        assert.match(file ?? "", /session-1\/storage\/x$/)
      }
    )
  })
})

describe("an emulator that is killed", () => {
  it("leaves no worker behind", { timeout: 30_000 }, async () => {
    const dir = mkdtempSync(join(tmpdir(), "killed-emulator-"))
    const tsx = fileURLToPath(new URL("../node_modules/tsx/dist/loader.mjs", import.meta.url))
    const child = spawn(process.execPath, ["--import", tsx, fixture("serve.ts"), fixture("scripted-worker.mjs")], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, TMPDIR: dir }
    })
    const [line] = await once(child.stdout, "data")
    const { url, arn } = parsed(String(line))
    const client = new BedrockAgentCoreClient({
      region: "us-east-1",
      endpoint: String(url),
      credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "secret" },
      maxAttempts: 1
    })
    const { response } = await client.send(
      new InvokeAgentRuntimeCommand({
        agentRuntimeArn: String(arn),
        runtimeSessionId: sessionId(),
        contentType: "application/json",
        payload: Buffer.from("{}")
      })
    )
    const pid = Number(parsed(await response?.transformToString())["pid"])
    client.destroy()
    assert.isTrue(alive(pid))
    child.kill("SIGKILL")
    await until("the worker is gone", () => !alive(pid))
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  })
})

describe("the emulator's token service", () => {
  afterEach(() => vi.unstubAllEnvs())

  it("gives the genuine credential chain a role's keys, which the other operations take", () =>
    withBench({}, {}, async ({ emulator, client, arn }) => {
      const dir = mkdtempSync(join(tmpdir(), "profile-"))
      const config = join(dir, "config")
      writeFileSync(
        config,
        [
          "[profile base]",
          "aws_access_key_id = AKIDBASE",
          "aws_secret_access_key = secret",
          "[profile worker]",
          "role_arn = arn:aws:iam::123456789012:role/dispatcher",
          "source_profile = base"
        ].join("\n")
      )
      vi.stubEnv("AWS_CONFIG_FILE", config)
      vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(dir, "none"))
      vi.stubEnv("AWS_ENDPOINT_URL_STS", emulator.url)
      const { credentials: _keys, ...rest } = client
      const assumed = new BedrockAgentCoreClient({ ...rest, profile: "worker" })
      const sent = await assumed.send(
        new InvokeAgentRuntimeCommand({
          agentRuntimeArn: arn,
          runtimeSessionId: sessionId(),
          payload: Buffer.from("{}")
        })
      )
      assert.strictEqual(sent.statusCode, 200)
      assert.deepEqual(
        emulator.ledgers.invocations.map(({ op, accessKeyId }) => [op, accessKeyId]),
        [
          ["Sts", "AKIDBASE"],
          ["InvokeAgentRuntime", "ASIADISPATCHER"]
        ]
      )
      assumed.destroy()
      rmSync(dir, { recursive: true })
    }))
})
