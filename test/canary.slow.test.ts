import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { secretShapes } from "../src/domain/SecretShapes.js"
import { serve } from "./emulators/agentcore/Emulator.js"
import { matching, sample, seeded } from "./secrets/Sample.js"
import { callOf, greeted } from "./support/RawServer.js"
import { commandOf, place, type Place, program, refusalOf, written } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const shapes = Array.from({ length: 40 }, (_, index) => secretShapes[Math.floor((index * secretShapes.length) / 40)])
const random = seeded(40_200)
const shaped = Array.from({ length: 160 }, (_, index) => matching(shapes[index % 40]?.pattern ?? "", random))
/** Secrets that only their variable's name gives away. */
const plain = Array.from({ length: 40 }, () => sample('[A-Za-z0-9 /+"&]{11}[!$%]\\d[a-z]{11}', random))
const hostSecrets = [...plain, ...shaped.slice(0, 40)]
const secrets = [...plain, ...shaped]

const variables = Object.fromEntries(hostSecrets.map((secret, index) => [`CANARY_${index}_TOKEN`, secret]))

const spellings = (secret: string): ReadonlyArray<string> => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString("base64"),
  Buffer.from(secret).toString("base64url")
]

/** Prints what it knows in every way a program can, in pieces that end anywhere. */
const child = `
import { readFileSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
const secrets = JSON.parse(readFileSync(process.argv[2], "utf8"))
const host = Object.entries(process.env).filter(([name]) => name.startsWith("CANARY_")).map(([, value]) => value)
const forms = (secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64"), JSON.stringify({ secret })]
const text = [
  ...secrets.map((secret, index) => "line " + index + ": " + secret + (index % 3 ? "\\n" : " and on ")),
  ...host.flatMap((secret) => forms(secret).map((form) => "told: " + form + "\\n")),
  "x".repeat(9000) + " " + secrets.join(" ") + "\\n"
].join("")
const progress = secrets.map((secret) => JSON.stringify({ type: "task.progress", message: "got " + secret, payload: { [secret]: [secret] } }) + "\\n").join("")
const answer = JSON.stringify({ ok: process.argv[3] !== "fails", output: { secrets, host, text }, events: [{ type: "task.log", message: secrets.join(", ") }],
  artifacts: [], ...(process.argv[3] === "fails" ? { error: { code: "x", message: secrets.join(" "), details: { secrets } } } : {}) })
const speak = async (stream, whole, size) => {
  for (let at = 0, count = 0; at < whole.length; count++) {
    const length = 1 + ((at * 31 + 7) % size)
    stream.write(whole.slice(at, at + length))
    at += length
    if (count % 20 === 0) await delay(1)
  }
}
await Promise.all([speak(process.stdout, progress + text, 997), speak(process.stderr, text, 613)])
await speak(process.stdout, answer + "\\n", 50000)
if (process.argv[3] === "exits") process.exitCode = 3
`

/** An app on AgentCore whose answers and failures are full of secrets. */
const app = `
import { createServer } from "node:http"
import { readFileSync } from "node:fs"
const secrets = JSON.parse(readFileSync(process.env.CANARIES, "utf8"))
createServer(async (request, response) => {
  let body = ""
  for await (const chunk of request) body += chunk
  response.setHeader("content-type", "application/json")
  if (request.url === "/ping") return response.end('{"status":"Healthy"}')
  if (body.includes("break down")) return response.writeHead(500).end(JSON.stringify({ message: secrets.join(" ") }))
  response.end(JSON.stringify({ ok: body.includes("succeed"), output: { secrets }, events: secrets.map((message) => ({ type: "task.log", message })),
    artifacts: [], error: { code: "canary", message: secrets.join(" "), details: { secrets } } }))
}).listen(Number(process.env.PORT), "127.0.0.1")
`

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

const commandLine = (at: Place, config: JsonObject, ...args: ReadonlyArray<string>) =>
  Effect.async<string>((resume) => {
    const { args: usual, command, cwd, env } = commandOf(at, { config, env: environment })
    const bundle = join(dirname(program), "agentdispatch.js")
    execFile(command, [bundle, ...args, ...usual.slice(1)], { cwd, env }, (_, stdout, stderr) =>
      resume(Effect.succeed(stdout + stderr))
    )
  })

const environment = {
  ...variables,
  AGENTDISPATCH_LOG_LEVEL: "debug",
  AWS_ACCESS_KEY_ID: "AKIDTEST0000000001LAST",
  AWS_SECRET_ACCESS_KEY: "no-secret-of-anybody",
  AWS_EC2_METADATA_DISABLED: "true"
}

const configOf = (at: Place, emulator: { readonly url: string }, runtimeArn: string): JsonObject => {
  const canaries = written(at, "canaries.json", JSON.stringify(secrets))
  const script = written(at, "child.mjs", child)
  const local = (...more: ReadonlyArray<string>) => ({
    adapter: "local-process",
    account: "here",
    details: { command: [process.execPath, script, canaries, ...more], env: ["PATH", ...Object.keys(variables)] }
  })
  return {
    accounts: {
      here: { provider: "local", credentialSource: "none" },
      dev: { provider: "aws", region: "us-east-1", credentialSource: "aws-sdk-default" }
    },
    backends: {
      talks: local(),
      fails: local("fails"),
      exits: local("exits"),
      cloud: {
        adapter: "aws-agentcore",
        account: "dev",
        details: { runtimeArn, endpoint: emulator.url, worker: "prompt" }
      }
    },
    runtimes: {
      talks: Bench.profile("talks"),
      fails: Bench.profile("fails"),
      exits: Bench.profile("exits"),
      cloud: { provider: "aws", account: "dev", capability: "agent-runtime", backend: "cloud" }
    }
  }
}

const emulated = (at: Place) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const canaries = join(at.folder, "canaries.json")
      const command = [process.execPath, written(at, "app.mjs", app)]
      const emulator = await serve({
        workers: { "*": { command, env: { PORT: "{port}", CANARIES: canaries } } },
        speed: 20
      })
      const { arn } = emulator.control.createRuntime({
        agentRuntimeName: "canary",
        containerUri: "123456789012.dkr.ecr.us-east-1.amazonaws.com/canary:1",
        serverProtocol: "HTTP"
      })
      return { emulator, arn }
    }),
    ({ emulator }) => Effect.promise(() => emulator.close())
  )

/** Where a secret is, however it is spelled; the secret itself is not told. */
const leaks = (texts: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(texts).flatMap(([where, text]) =>
    secrets.flatMap((secret, index) =>
      spellings(secret).some((spelling) => text.includes(spelling))
        ? [`${where}: ${index < 40 ? "a variable" : shapes[(index - 40) % 40]?.name} (${index})`]
        : []
    )
  )

describe("200 secrets of 40 shapes", () => {
  it.scopedLive(
    "appear nowhere on disk, on the wire or in logs",
    () =>
      Effect.gen(function* () {
        assert.strictEqual(new Set(secrets).size, 200)
        const at = yield* place
        const { arn, emulator } = yield* emulated(at)
        const config = configOf(at, emulator, arn)
        const server = yield* greeted(at, { config, env: environment })
        const call = callOf(server)

        for (const [index, secret] of secrets.entries()) {
          const said = `please use ${secret} for it`
          const ways: ReadonlyArray<JsonObject> = [
            { instruction: said },
            { instruction: "work", context: { deep: [{ note: said }] } },
            { instruction: "work", metadata: { [secret]: 1 } },
            { instruction: "work", idempotency_key: secret.slice(0, 128) }
          ]
          const way = secret.length > 128 && index % 4 === 3 ? ways[0] : ways[index % 4]
          assert.match(refusalOf(yield* call("spawn_cloud_agent", { runtime: "talks", ...way })), /^policy\.denied/)
        }

        const ids: Array<string> = []
        for (const [runtime, instruction] of [
          ["talks", "work"],
          ["fails", "work"],
          ["exits", "work"],
          ["cloud", "succeed"],
          ["cloud", "fail"],
          ["cloud", "break down"]
        ] as const) {
          ids.push(yield* Bench.spawned(call, { runtime, instruction }))
        }
        for (const task_id of ids) {
          const { status } = yield* Bench.finished(call, task_id)
          assert.strictEqual(status, task_id === ids[0] || task_id === ids[3] ? "succeeded" : "failed")
          yield* call("get_task_status", { task_id, since_revision: 0 })
          assert.notStrictEqual((yield* Bench.wholeLog(call, task_id)).length, task_id === ids[0] ? 0 : -1)
        }
        yield* call("list_tasks")
        const [first = ""] = ids
        const page = yield* call("get_task_status", { task_id: first, full: true })
        const events = (yield* call("get_task_status", { task_id: first, since_revision: 1 })).text

        const told: Record<string, string> = {}
        for (const id of [first, ids[4] ?? ""]) {
          for (const command of ["status", "logs", "result"]) {
            told[`${command} ${id}, in words`] = yield* commandLine(at, config, command, id)
          }
          told[`result ${id}`] = yield* commandLine(at, config, "result", id, "--json")
        }
        yield* server.hangUp
        const { stderr, stdout } = yield* server.ended
        const files = Object.fromEntries(filesBelow(at.stateDir).map((path) => [path, readFileSync(path, "latin1")]))
        assert.isAbove(Object.keys(files).length, 3)
        assert.deepStrictEqual(leaks({ ...files, ...told, stdout, stderr }), [])
        assert.include(page.text, "[redacted: ")
        assert.include(events, "task.progress")
        assert.include(told[`logs ${first}, in words`], "[redacted: CANARY_")
      }),
    240_000
  )
})
