import { request } from "node:http"
import {
  BedrockAgentCoreClient,
  GetAgentCardCommand,
  InvokeAgentRuntimeCommand,
  InvokeAgentRuntimeCommandCommand
} from "@aws-sdk/client-bedrock-agentcore"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Bench, failureOf, openBench, parsed, sessionId, until, withBench } from "./support/AgentCoreBench.js"

/** An unsigned or half-signed request, as no SDK would send it. */
const raw = (url: string, method: string, headers: Record<string, string>, body = "") =>
  new Promise<{ readonly status: number | undefined; readonly type: string; readonly text: string }>(
    (resolve, reject) => {
      const asked = request(url, { method, headers }, (answer) => {
        let text = ""
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
        answer.once("end", () =>
          resolve({ status: answer.statusCode, type: String(answer.headers["x-amzn-errortype"] ?? ""), text })
        )
      })
      asked.once("error", reject)
      asked.end(body)
    }
  )

describe("the emulator's data plane, to the genuine client", () => {
  let bench: Bench
  const shared = sessionId()
  beforeAll(async () => {
    bench = await openBench({}, { requestHeaderAllowlist: ["A2A-Version"], environmentVariables: { GREETING: "hi" } })
  })
  afterAll(() => bench.close())

  it("carries the request's bytes in and the answer's bytes out unchanged, with the session's id", async () => {
    const payload = Buffer.from([0, 255, 10, 13, 128, 34])
    const answer = await bench.invoke(shared, payload, { contentType: "application/octet-stream" })
    assert.strictEqual(answer.statusCode, 200)
    assert.strictEqual(answer.runtimeSessionId, shared)
    assert.strictEqual(answer.contentType, "application/json")
    const echo = parsed(await answer.response?.transformToString())
    assert.strictEqual(echo["body"], payload.toString("base64"))
    assert.strictEqual(echo["path"], "/invocations")
    const bytes = await bench.invoke(shared, { bytes: 300_000 })
    assert.isTrue(Buffer.alloc(300_000, 7).equals(Buffer.from((await bytes.response?.transformToByteArray()) ?? [])))
  })

  it("passes each chunk on as it comes, before the answer is over", async () => {
    const { response } = await bench.invoke(shared, { sse: ["one", "two"], everyMs: 300 })
    const reader = response?.transformToWebStream().getReader()
    const began = Date.now()
    const first = await reader?.read()
    assert.strictEqual(Buffer.from(first?.value ?? []).toString(), "data: one\n\n")
    assert.isBelow(Date.now() - began, 250)
    const second = await reader?.read()
    assert.strictEqual(Buffer.from(second?.value ?? []).toString(), "data: two\n\n")
    assert.isTrue((await reader?.read())?.done)
  })

  it("gives the container the platform's headers and of the caller's only those that are allow-listed", async () => {
    const client = new BedrockAgentCoreClient(bench.client)
    client.middlewareStack.add(
      (next) => (args) => {
        const headers: unknown = Reflect.get(args.request ?? {}, "headers")
        if (typeof headers === "object" && headers !== null)
          Object.assign(headers, { "A2A-Version": "1.0", "X-Custom": "dropped" })
        return next(args)
      },
      { step: "build" }
    )
    const { response } = await client.send(
      new InvokeAgentRuntimeCommand({
        agentRuntimeArn: bench.arn,
        runtimeSessionId: shared,
        runtimeUserId: "user",
        contentType: "application/json",
        traceParent: "00-1-2-01",
        payload: Buffer.from("{}")
      })
    )
    const echo = parsed(await response?.transformToString())
    const headers = Object.entries(Object(echo["headers"]))
    const value = (name: string) => headers.find(([key]) => key === name)?.[1]
    assert.strictEqual(value("a2a-version"), "1.0")
    assert.isUndefined(value("x-custom"))
    assert.isUndefined(value("authorization"))
    assert.isUndefined(value("amz-sdk-request"))
    assert.strictEqual(value("x-amzn-bedrock-agentcore-runtime-session-id"), shared)
    assert.isString(value("x-amzn-bedrock-agentcore-runtime-request-id"))
    assert.isString(value("workloadaccesstoken"))
    assert.strictEqual(value("traceparent"), "00-1-2-01")
    client.destroy()
  })

  it("takes a bare agent id beside an account id, and refuses it without one", async () => {
    assert.strictEqual(
      (await bench.invoke(shared, {}, { agentRuntimeArn: bench.id, accountId: "123456789012" })).statusCode,
      200
    )
    assert.strictEqual(
      (await failureOf(bench.invoke(shared, {}, { agentRuntimeArn: bench.id }))).name,
      "ValidationException"
    )
    const other = bench.invoke(shared, {}, { agentRuntimeArn: bench.id, accountId: "999999999999" })
    assert.strictEqual((await failureOf(other)).name, "ResourceNotFoundException")
  })

  it("names every fault of a bad request in the error's fields", async () => {
    const short = await failureOf(bench.invoke("short", {}))
    assert.strictEqual(short.name, "ValidationException")
    assert.strictEqual(short.$metadata?.httpStatusCode, 400)
    assert.strictEqual(short.reason, "FieldValidationFailed")
    assert.strictEqual(short.fieldList?.[0]?.name, "runtimeSessionId")
    assert.match(short.$metadata?.requestId ?? "", /^[0-9a-f-]{36}$/)
    assert.strictEqual((await failureOf(bench.invoke("x".repeat(257), {}))).name, "ValidationException")
    const arn = await failureOf(bench.invoke(shared, {}, { agentRuntimeArn: "arn:aws:bedrock-agentcore:oops" }))
    assert.strictEqual(arn.name, "ValidationException")
  })

  it("does not know other runtimes, other endpoints and other regions", async () => {
    const unknown = bench.arn.replace(/.{10}$/, "AAAAAAAAAA")
    assert.strictEqual(
      (await failureOf(bench.invoke(shared, {}, { agentRuntimeArn: unknown }))).$metadata?.httpStatusCode,
      404
    )
    const qualifier = await failureOf(bench.invoke(shared, {}, { qualifier: "prod" }))
    assert.strictEqual(qualifier.name, "ResourceNotFoundException")
    const west = new BedrockAgentCoreClient({ ...bench.client, region: "us-west-2" })
    const wrongRegion = west.send(
      new InvokeAgentRuntimeCommand({
        agentRuntimeArn: bench.arn,
        runtimeSessionId: shared,
        payload: Buffer.from("{}")
      })
    )
    assert.strictEqual((await failureOf(wrongRegion)).name, "ResourceNotFoundException")
    west.destroy()
  })

  it("gives 424 for a container's error and never its status or body", async () => {
    for (const status of [400, 415, 500, 503]) {
      const error = await failureOf(bench.invoke(shared, { respond: status }))
      assert.strictEqual(error.name, "RuntimeClientError")
      assert.strictEqual(error.$metadata?.httpStatusCode, 424)
      assert.strictEqual(
        error.message,
        `Received error (${status}) from runtime. Please check your CloudWatch logs for more information.`
      )
    }
  })

  it("gives 424 when the container dies under a call, and a broken answer when it dies in the middle of one", async () => {
    const dying = sessionId()
    assert.strictEqual((await failureOf(bench.invoke(dying, { exit: 3 }))).$metadata?.httpStatusCode, 424)
    const half = await bench.invoke(dying, { exitMidStream: true })
    assert.strictEqual(half.statusCode, 200)
    assert.match(
      (await failureOf(half.response?.transformToString() ?? Promise.resolve())).message,
      /aborted|terminated/
    )
  })

  it("reads the agent card from the container, booting a machine for it", async () => {
    const session = sessionId()
    const { agentCard, runtimeSessionId } = await bench.data.send(
      new GetAgentCardCommand({ agentRuntimeArn: bench.arn, runtimeSessionId: session })
    )
    assert.deepEqual(agentCard, { name: "scripted", protocolVersion: "0.3.0" })
    assert.strictEqual(runtimeSessionId, session)
    assert.isTrue(bench.emulator.ledgers.live().some((bill) => bill.sessionId === session))
    await bench.stop(session)
  })

  it("runs a command in the session's machine and frames what it says as events", async () => {
    const done = await bench.run(shared, `/bin/sh -c 'echo "$GREETING"; echo bad >&2; exit 3'`)
    assert.deepEqual(
      { ...done, kinds: [done.kinds[0], done.kinds.at(-1)] },
      { stdout: "hi\n", stderr: "bad\n", exitCode: 3, status: "COMPLETED", kinds: ["contentStart", "contentStop"] }
    )
  })

  it("splits a command into words without a shell", async () => {
    const done = await bench.run(shared, `printf "[%s]" $HOME 'a b' "c \\"d" x>y`)
    assert.strictEqual(done.stdout, `[$HOME][a b][c "d][x>y]`)
    const missing = await bench.run(shared, "no-such-program")
    assert.strictEqual(missing.exitCode, 127)
  })

  it("cuts a large output into events of at most 64 KB", async () => {
    const done = await bench.run(shared, `${process.execPath} -e "process.stdout.write('x'.repeat(300000))"`)
    assert.strictEqual(done.stdout.length, 300_000)
    assert.isAtLeast(done.kinds.filter((kind) => kind === "contentDelta").length, 5)
  })

  it("refuses commands that are empty or wait too long", async () => {
    for (const body of [{ command: "" }, { command: "true", timeout: 3601 }, { command: "true", timeout: 0 }]) {
      const call = bench.data.send(
        new InvokeAgentRuntimeCommandCommand({ agentRuntimeArn: bench.arn, runtimeSessionId: shared, body })
      )
      assert.strictEqual((await failureOf(call)).name, "ValidationException")
    }
  })

  it("answers 403 to a request without a signature, and 404 to a path or verb it does not have", async () => {
    const { url } = bench.emulator
    const missing = await raw(`${url}/runtimes/x/invocations`, "POST", {}, "{}")
    assert.deepInclude(missing, { status: 403, type: "MissingAuthenticationTokenException" })
    const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")
    const scope = `${stamp.slice(0, 8)}/us-east-1/bedrock-agentcore/aws4_request`
    const authorization = `AWS4-HMAC-SHA256 Credential=AKID/${scope}, SignedHeaders=host, Signature=${"0".repeat(64)}`
    const signed = { authorization, "x-amz-date": stamp }
    assert.strictEqual((await raw(`${url}/runtimes`, "PUT", signed, "{}")).type, "UnknownOperationException")
    assert.strictEqual((await raw(`${url}/runtimes/`, "GET", signed)).status, 404)
    const old = { authorization, "x-amz-date": "20200101T000000Z" }
    assert.strictEqual((await raw(`${url}/runtimes/`, "POST", old)).type, "InvalidSignatureException")
    const otherService = { ...signed, authorization: authorization.replace("bedrock-agentcore", "s3") }
    assert.strictEqual((await raw(`${url}/runtimes/`, "POST", otherService)).status, 403)
  })

  it("keeps a record of every call: its subject, its attempt, whether it reached a container", async () => {
    const session = sessionId()
    await bench.textOf(session, { taskId: "task-1", prompt: "x" })
    await bench.textOf(session, { dispatch: { v: 1, op: "poll", taskId: "task-2" } })
    await failureOf(bench.invoke("short", { taskId: "task-1" }))
    const [first] = bench.emulator.ledgers.deliveries({ taskId: "task-1" })
    assert.deepInclude(first, {
      op: "InvokeAgentRuntime",
      sessionId: session,
      attempt: 1,
      deliveries: 1,
      freshMachine: true
    })
    assert.strictEqual(bench.emulator.ledgers.deliveries({ taskId: "task-1" }).length, 1)
    assert.strictEqual(bench.emulator.ledgers.deliveries({ taskId: "task-2", method: "poll" }).length, 1)
    const refused = bench.emulator.ledgers.invocations.at(-1)
    assert.deepInclude(refused, {
      delivered: false,
      status: 400,
      error: "ValidationException",
      accessKeyId: "AKIDTEST"
    })
  })
})

describe("the limits of the emulator's data plane", () => {
  it("refuses a payload above the limit, and says so instead of hanging up", () =>
    withBench({ limits: { payloadBytes: 1000 } }, {}, async ({ invoke }) => {
      const error = await failureOf(invoke(sessionId(), Buffer.alloc(200_000)))
      assert.strictEqual(error.name, "ValidationException")
    }))

  it("throttles calls and new sessions by the second, and gives 402 above the active sessions", () =>
    withBench({ limits: { dataPlanePerSecond: 6, newSessionsPerSecond: 2, activeSessions: 2 } }, {}, async (bench) => {
      const sessions = [sessionId(), sessionId(), sessionId()] as const
      await Promise.all([bench.textOf(sessions[0], {}), bench.textOf(sessions[1], {})])
      const third = await failureOf(bench.invoke(sessions[2], {}))
      assert.deepInclude(third, { name: "ThrottlingException" })
      assert.strictEqual(third.$metadata?.httpStatusCode, 429)
      bench.emulator.control.advance(2000)
      const full = await failureOf(bench.invoke(sessions[2], {}))
      assert.strictEqual(full.name, "ServiceQuotaExceededException")
      assert.strictEqual(full.$metadata?.httpStatusCode, 402)
      const burst = await Promise.allSettled(Array.from({ length: 12 }, () => bench.textOf(sessions[0], {})))
      assert.isAbove(burst.filter(({ status }) => status === "rejected").length, 3)
    }))

  it("cuts a call without a stream after 15 minutes and one with a stream after 60", () =>
    withBench({}, {}, async (bench) => {
      const session = sessionId()
      await bench.textOf(session, {})
      const sync = failureOf(bench.invoke(session, { sleep: 3000 }))
      await until("the sync call is inside", () => bench.emulator.ledgers.invocations.length === 2)
      bench.emulator.control.advance(14 * 60_000)
      bench.emulator.control.advance(61_000)
      assert.strictEqual((await sync).$metadata?.httpStatusCode, 504)
      const { response } = await bench.invoke(session, { sse: ["a"], open: true })
      const body = failureOf(response?.transformToString() ?? Promise.resolve())
      bench.emulator.control.advance(16 * 60_000)
      const early = await Promise.race([body, new Promise((resolve) => setTimeout(() => resolve("open"), 100))])
      assert.strictEqual(early, "open")
      bench.emulator.control.advance(44 * 60_000)
      assert.match((await body).message, /aborted|terminated/)
    }))

  it("kills a command that takes longer than its timeout", () =>
    withBench({}, {}, async (bench) => {
      const session = sessionId()
      const done = bench.run(session, "sleep 30", 60)
      await until("the command runs", () => bench.emulator.ledgers.deliveries({ sessionId: session }).length === 1)
      bench.emulator.control.advance(60_000)
      assert.deepInclude(await done, { status: "TIMED_OUT", exitCode: -1 })
    }))
})
