import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as realDelay } from "node:timers/promises"
import { admin } from "./Admin.js"
import { type World } from "./Call.js"
import { EmulatedClock } from "./EmulatedClock.js"
import { Faults, type NewFault } from "./Faults.js"
import { handle } from "./Handler.js"
import { Ledgers } from "./Ledger.js"
import { defaultLimits, defaultTiming, type EmulatorOptions, type SeedRuntime, type Settings } from "./Options.js"
import { Rates } from "./Rates.js"
import { Runtimes } from "./Runtimes.js"
import { Sessions } from "./Sessions.js"
import { Tokens } from "./Tokens.js"
import { Watchdog } from "./Watchdog.js"

const listen = (server: Server, port: number) =>
  new Promise<number>((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject)
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : port)
    })
  })

/**
 * Both planes of Bedrock AgentCore Runtime on one loopback port, with one worker process per session. `ledgers` says
 * what reached the containers and what is being paid for; `control` moves time, adds runtimes and faults; `close` ends
 * every process that was started.
 */
export const serve = async (options: EmulatorOptions) => {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "agentcore-emulator-"))
  mkdirSync(dir, { recursive: true })
  const settings: Settings = {
    workers: options.workers,
    region: options.region ?? "us-east-1",
    accountId: options.accountId ?? "123456789012",
    idleModel: options.idleModel ?? "measured",
    timing: { ...defaultTiming, ...options.timing },
    limits: { ...defaultLimits, ...options.limits },
    snapshotClones: options.snapshotClones ?? false,
    dir
  }
  const clock = new EmulatedClock(options.speed)
  const ledgers = new Ledgers(clock)
  const rates = new Rates(clock)
  const runtimes = new Runtimes(clock, settings)
  const watchdog = new Watchdog()
  const sessions = new Sessions(clock, settings, ledgers, rates, watchdog)
  const faults = new Faults()
  const tokens = new Tokens(clock, settings.timing.tokenKept)
  let closed = false
  let refusing = Promise.resolve()
  const listenAfter = async (ms: number) => {
    await realDelay(ms)
    if (!closed) await listen(server, port)
  }
  const refuse = (ms: number) => {
    if (!server.listening) return
    server.close()
    refusing = listenAfter(ms)
  }
  const world: World = { clock, settings, ledgers, faults, rates, runtimes, sessions, tokens, refuse }
  const control = {
    clock,
    setSpeed: (speed: number) => clock.setSpeed(speed),
    advance: (ms: number) => clock.advance(ms),
    /** Adds a fault; the promise resolves when it strikes. */
    addFault: (fault: NewFault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    /** Lets every resource that a fault keeps from its end state reach it. */
    unstick: () => faults.release(),
    createRuntime: (seed: SeedRuntime) => runtimes.seed(seed),
    runtimes: () => runtimes.list(),
    /** Ends a live session's machine without a word to its worker. */
    killSession: async (sessionId: string) => {
      const mine = sessions.machines().filter(({ key }) => key.sessionId === sessionId)
      await Promise.all(mine.map(({ machine }) => machine.kill("killed")))
    },
    /** The machines there are now, with what their last health check said. */
    machines: () =>
      sessions.machines().map(({ key, machine }) => ({
        sessionId: key.sessionId,
        state: machine.state,
        status: machine.health?.status,
        pings: machine.pings
      })),
    log: (sessionId: string) => sessions.log(sessionId),
    refuse
  }
  for (const seed of options.runtimes ?? []) runtimes.seed(seed)
  const server = createServer((request, response) => {
    void (request.url?.startsWith("/_emulator/")
      ? admin(world, control, request, response)
      : handle(world, request, response))
  })
  // The service holds connections as long as they need.
  server.requestTimeout = 0
  server.headersTimeout = 0
  const port = await listen(server, options.port ?? 0)
  const close = async () => {
    closed = true
    clock.stop()
    const ended = new Promise<void>((resolve) => server.close(() => resolve()))
    await sessions.close()
    server.closeAllConnections()
    await Promise.all([ended, refusing, watchdog.close()])
    clock.stop()
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  }
  return { url: `http://127.0.0.1:${port}`, port, ledgers, control, close }
}
