import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type JsonObject } from "../src/domain/Json.js"
import {
  asked,
  type HttpServer,
  httpServer,
  posted,
  type Reply,
  servedOnce,
  usualHeaders
} from "./support/HttpServer.js"
import { place } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const config = Bench.workbench()
const ErrorOf = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  error: Schema.Struct({ code: Schema.Int, message: Schema.String })
})
const errorOf = ({ json }: Reply) => Schema.decodeUnknownSync(ErrorOf)(json).error
const rpc = (method: string, params: JsonObject = {}) => JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
const listing = rpc("tools/list")
const spawning = (instruction: string) =>
  rpc("tools/call", { name: "spawn_cloud_agent", arguments: { runtime: "echo", instruction } })

const alive = (server: HttpServer) =>
  Effect.map(posted(server.url, listing), (reply) => {
    assert.strictEqual(reply.status, 200)
    assert.include(reply.text, '"spawn_cloud_agent"')
  })

/** Sends pieces of one request as bytes and gives the one answer. */
const conversation = ({ url }: HttpServer, pieces: ReadonlyArray<string | Uint8Array>) =>
  Effect.async<string>((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let said = ""
    socket.setEncoding("utf8").on("data", (text: string) => {
      said += text
      // What the SDK streams leaves the connection open, whatever the request wanted.
      if (said.endsWith("\r\n0\r\n\r\n")) socket.destroy()
    })
    socket.once("close", () => resume(Effect.succeed(said)))
    socket.on("error", () => undefined)
    const next = (index: number) => {
      const piece = pieces[index]
      if (piece !== undefined) socket.write(piece, () => setImmediate(() => next(index + 1)))
    }
    next(0)
  })

const head = (server: HttpServer, length: number, more: ReadonlyArray<string> = []) =>
  [
    "POST /mcp HTTP/1.1",
    `Host: ${new URL(server.url).host}`,
    ...Object.entries(usualHeaders).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${length}`,
    "Connection: close",
    ...more,
    "",
    ""
  ].join("\r\n")

describe("what comes over the wire", () => {
  it.scopedLive("is refused for what it is, and the server goes on", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, config)
      const cases: ReadonlyArray<readonly [what: string, body: string | Uint8Array, status: number, code: number]> = [
        ["nothing", "", 400, -32_700],
        ["no JSON", "hello", 400, -32_700],
        ["half an object", '{"jsonrpc":"2.0","id":1,"method":', 400, -32_700],
        ["a number", "7", 400, -32_600],
        ["another version", '{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32_600],
        ["no method", '{"jsonrpc":"2.0","id":1}', 400, -32_600],
        ["a batch", `[${listing},${listing}]`, 400, -32_600],
        ["an empty batch", " \n[]", 400, -32_600],
        ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400, -32_700],
        ["half a character at the end", Buffer.from('{"a":"é').subarray(0, 7), 400, -32_700],
        [
          "a very deep array in an object",
          `{"jsonrpc":"2.0","id":1,"method":"ping","params":${"[".repeat(500_000)}`,
          400,
          -32_700
        ]
      ]
      for (const [what, body, status, code] of cases) {
        const reply = yield* posted(server.url, body)
        assert.deepStrictEqual(
          [reply.status, errorOf(reply).code],
          [status, code],
          `${what}: ${reply.text.slice(0, 300)}`
        )
        assert.notInclude(reply.text, "node_modules")
      }
      const deep = `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`
      const nested = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_tasks","arguments":${deep}}}`
      assert.notInclude((yield* posted(server.url, nested)).text, "node_modules")
      for (const type of ["text/plain", "application/x-www-form-urlencoded", ""]) {
        assert.strictEqual((yield* posted(server.url, listing, { "Content-Type": type })).status, 415, type)
      }
      for (const method of ["GET", "DELETE", "PUT", "OPTIONS"]) {
        assert.strictEqual(
          (yield* asked(server.url, { method, headers: { Accept: "text/event-stream" } })).status,
          405,
          method
        )
      }
      yield* alive(server)
    })
  )

  it.scopedLive("may be as large as the config says, and not a byte larger, however it is sent", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, { ...config, http: { maxBodyBytes: 65_536 } })
      const exact = listing.slice(0, -1) + " ".repeat(65_536 - Buffer.byteLength(listing)) + "}"
      assert.strictEqual((yield* posted(server.url, exact)).status, 200)
      const more = yield* posted(server.url, `${exact} `)
      assert.strictEqual(more.status, 413)
      assert.match(errorOf(more).message, /larger than 65536 bytes \(http\.maxBodyBytes\)/)
      const large = Buffer.alloc(5_000_000, " ")
      assert.strictEqual((yield* posted(server.url, large)).status, 413)
      const piece = Buffer.concat([Buffer.from("4c4b40\r\n"), large, Buffer.from("\r\n0\r\n\r\n")])
      const chunked = head(server, 0).replace("Content-Length: 0", "Transfer-Encoding: chunked")
      assert.match(yield* conversation(server, [chunked, piece]), /^HTTP\/1\.1 413 [^]*larger than 65536 bytes/)
      yield* alive(server)
    })
  )

  it.scopedLive("is 4 MiB at most without a config", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, config)
      const words = "word ".repeat(600_000)
      assert.strictEqual((yield* posted(server.url, spawning(words))).status, 200)
      assert.strictEqual((yield* posted(server.url, spawning(words + words))).status, 413)
      yield* alive(server)
    })
  )

  it.scopedLive("may be cut anywhere, also in the middle of a character", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, config)
      const body = Buffer.from(spawning("naïve 🧪 日本語"))
      const bytes = Array.from(body, (byte) => Uint8Array.of(byte))
      const said = yield* conversation(server, [head(server, body.length), ...bytes])
      const id = /task_[0-9a-z]{26}/.exec(said)?.[0] ?? ""
      const record = yield* posted(
        server.url,
        rpc("tools/call", { name: "get_task_status", arguments: { task_id: id } })
      )
      assert.include(record.text, "naïve 🧪 日本語")
    })
  )

  it.scopedLive("is only taken under the server's own name, and from this machine's pages", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, {
        ...config,
        http: { allowedHosts: ["dispatch.internal"], allowedOrigins: ["https://app.example.com"] }
      })
      const { port } = new URL(server.url)
      const under = (host: string, ...more: ReadonlyArray<string>) =>
        Effect.map(
          conversation(server, [
            head(server, listing.length, more).replace(/Host: .*/, () => `Host: ${host}`),
            listing
          ]),
          (said) => Number(/^HTTP\/1\.1 (\d+)/.exec(said)?.[1])
        )
      for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "LOCALHOST", "[::1]", "dispatch.internal"]) {
        assert.strictEqual(yield* under(host), 200, host)
      }
      for (const host of [
        "evil.example",
        `evil.example:${port}`,
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example@localhost",
        "localhost/../evil",
        "localhost#evil",
        "[::1",
        "0.0.0.0"
      ]) {
        assert.strictEqual(yield* under(host), 403, host)
      }
      const here = `127.0.0.1:${port}`
      for (const origin of ["http://localhost:6274", `http://${here}`, "https://app.example.com"]) {
        assert.strictEqual(yield* under(here, `Origin: ${origin}`), 200, origin)
      }
      for (const origin of [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "file://"
      ]) {
        assert.strictEqual(yield* under(here, `Origin: ${origin}`), 403, origin)
      }
      assert.match(
        errorOf(yield* posted(server.url, listing, { Origin: "https://evil.example" })).message,
        /http\.allowedOrigins/
      )
    })
  )
})

describe("an address other machines reach", () => {
  const open = ["0.0.0.0", "::", "192.0.2.1", "example.com"]
  for (const host of open) {
    it.scopedLive(`is not listened on without authorization: ${host}`, () =>
      Effect.gen(function* () {
        const at = yield* place
        for (const http of [{ host }, { host, tokens: {} }]) {
          const { code, stderr, stdout } = yield* servedOnce(at, { ...config, http })
          assert.deepStrictEqual([code, stdout], [2, ""])
          assert.include(stderr, `http.host: is "${host}"`)
          assert.include(stderr, "agentdispatch token new NAME")
        }
        assert.strictEqual((yield* servedOnce(at, config, "--host", host)).code, 2)
      })
    )
  }

  it.scopedLive("is listened on with it, and asks for it", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, {
        ...config,
        http: { host: "0.0.0.0", tokens: { alice: { sha256: "0".repeat(64) } } }
      })
      const { port } = new URL(server.url)
      assert.strictEqual((yield* posted(`http://127.0.0.1:${port}/mcp`, listing)).status, 401)
    })
  )

  it.scopedLive("that is taken already is told as what it is", () =>
    Effect.gen(function* () {
      const at = yield* place
      const { port } = new URL((yield* httpServer(at, config)).url)
      const { code, stderr } = yield* servedOnce(at, config, "--port", port)
      assert.strictEqual(code, 1)
      assert.include(stderr, "EADDRINUSE")
    })
  )
})
