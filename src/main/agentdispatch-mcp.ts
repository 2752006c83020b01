import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio"
import { Cause, Effect, Exit, ManagedRuntime } from "effect"
import { PassThrough } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { parseArgs } from "node:util"
import { inWords } from "../cli/CheckReport.js"
import { Preflight } from "../dispatch/Preflight.js"
import { ListeningTransport } from "../mcp/ListeningTransport.js"
import { makeServer } from "../mcp/Server.js"
import { layer, version } from "./Composition.js"
import { brief, messageOf, redacted, say, start } from "./Running.js"

const usage = `agentdispatch-mcp ${version}: the MCP server on stdio

  agentdispatch-mcp [--config FILE]            serve; without a config, the built-in local profiles
  agentdispatch-mcp [--config FILE] --check    say whether every configured runtime is ready, then exit
      --json     with --check: the report as JSON
      --offline  with --check: ask no backend
`

/** How long answers that are under way may still take after the client hung up. */
const farewell = 1_500

const serve = async (config: string | undefined) => {
  const { allAnswered, serving, stop } = await start(config)
  // The SDK drops the requests under way when its input ends, so the end of stdin is kept from it until they are answered.
  const inbound = new PassThrough()
  process.stdin.pipe(inbound, { end: false })
  const wire = new StdioServerTransport(inbound)
  const transport = new ListeningTransport(wire, serving.run)
  const connection = serveStdio(() => makeServer(serving), {
    transport,
    onerror: (error) => say(`mcp: ${brief(error.message)}`)
  })
  const unread = () => inbound.readableLength + inbound.writableLength > 0
  let leaving = false
  const leave = async (code: number) => {
    if (leaving) return
    leaving = true
    await transport.dismiss()
    await Promise.race([allAnswered(unread), setTimeout(farewell)])
    await connection.close()
    await stop()
    process.exit(code)
  }
  // The SDK gives up a connection whose message fits no buffer; a server that hears nothing any more is of no use.
  const { onclose } = wire
  wire.onclose = () => {
    onclose?.()
    void leave(1)
  }
  process.stdin.once("end", () => void leave(0))
  process.stdin.once("error", () => void leave(0))
  process.stdin.once("close", () => void leave(0))
  process.stdout.once("error", () => void leave(0))
  process.once("SIGTERM", () => void leave(0))
  process.once("SIGINT", () => void leave(0))
  process.once("SIGHUP", () => void leave(0))
}

const print = (text: string) => process.stdout.write(redacted.text(text))

const check = async (config: string | undefined, json: boolean, live: boolean) => {
  const runtime = ManagedRuntime.make(layer(config))
  const checked = await runtime.runPromiseExit(Effect.flatMap(Preflight, (preflight) => preflight.checkAll(live)))
  await runtime.dispose()
  if (Exit.isFailure(checked)) {
    const error = Cause.squash(checked.cause)
    print(json ? `${JSON.stringify({ ok: false, error: { message: messageOf(error) } })}\n` : `${messageOf(error)}\n`)
    process.exit(1)
  }
  const reports = checked.value
  const ok = reports.every((report) => report.ok)
  print(json ? `${JSON.stringify({ ok, runtimes: reports })}\n` : inWords(reports))
  process.exit(ok ? 0 : 1)
}

const main = async () => {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      check: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      offline: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      version: { type: "boolean", short: "v", default: false }
    }
  })
  if (values.help) return void process.stdout.write(usage)
  if (values.version) return void process.stdout.write(`${version}\n`)
  if (values.check) return await check(values.config, values.json, !values.offline)
  return await serve(values.config)
}

main().catch((error: unknown) => {
  say(`${messageOf(error)}\n\n${usage}`)
  process.exit(2)
})
