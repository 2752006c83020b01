import { Effect, Option } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout } from "node:timers/promises"
import { ConfigInvalid } from "../domain/ConfigInvalid.js"
import { exposure, type HttpConfig } from "../domain/HttpConfig.js"
import { makeHttp } from "../mcp/Http.js"
import { brief, messageOf, say, start } from "./Running.js"

const defaultPort = 8_765
const defaultDrainSeconds = 10
/** How long a health check waits for the database. */
const readySeconds = 2
/** What connections that were told to close still get. */
const farewell = 1_000

/** Serves MCP over HTTP until SIGTERM or SIGINT; then nothing new is taken, and what is under way ends first. */
export const serve = async (
  config: string | undefined,
  given: { readonly host: string | undefined; readonly port: number | undefined }
): Promise<void> => {
  process.stderr.on("error", () => undefined)
  const addressOf = (http: HttpConfig) => given.host ?? http.host ?? "127.0.0.1"
  const running = await start(config, {
    stays: true,
    check: ({ config: { http = {} }, source }) => {
      const exposed = exposure(addressOf(http), http)
      return exposed === undefined
        ? Effect.void
        : new ConfigInvalid({ source, issues: [{ path: "http.host", message: exposed }] })
    }
  })
  const { http: settings = {} } = running.settings.config
  const host = addressOf(settings)
  const http = await running.perform(
    makeHttp({
      serving: running.serving,
      http: settings,
      host,
      isReady: running.store.heard("readyz").pipe(
        Effect.timeoutOption(`${readySeconds} seconds`),
        Effect.map(Option.isSome),
        Effect.orElseSucceed(() => false)
      ),
      onerror: (error) => say(`mcp: ${brief(error.message)}`)
    })
  )

  const server = createServer({
    // A client that vanished without a word must not hold its wait for ever.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    headersTimeout: 15_000,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    maxHeaderSize: 16_384
  })
  server.maxConnections = 1_024
  server.on("request", (request, response) => {
    running.perform(http.handle(request, response)).catch((error: unknown) => {
      say(`http: ${brief(messageOf(error))}`)
      response.destroy()
    })
  })
  server.listen({ host: host.replaceAll(/[[\]]/g, ""), port: given.port ?? settings.port ?? defaultPort })
  await once(server, "listening").catch(async (error: unknown) => {
    say(`http: ${messageOf(error)}`)
    await running.stop()
    process.exit(1)
  })
  const { port } = addressIn(server.address())
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host
  process.stdout.write(`${JSON.stringify({ listening: `http://${name}:${port}/mcp` })}\n`)

  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")])
  http.drain()
  running.leaveWaits()
  const until = performance.now() + (settings.drainSeconds ?? defaultDrainSeconds) * 1_000
  while (running.busy() + http.pending() > 0 && performance.now() < until) await setTimeout(20)
  await http.close()
  const closed = once(server, "close")
  server.close()
  await Promise.race([closed, setTimeout(farewell)])
  server.closeAllConnections()
  await Promise.race([running.allAnswered(), setTimeout(farewell)])
  await running.stop()
  process.exit(0)
}

const addressIn = (address: AddressInfo | string | null): { readonly port: number } =>
  typeof address === "object" && address !== null ? address : { port: 0 }
