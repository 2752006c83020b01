import { readdirSync, readFileSync } from "node:fs"
import { request as httpRequest, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { setTimeout as realDelay } from "node:timers/promises"
import { type EmulatedClock } from "./EmulatedClock.js"
import { type Settings } from "./Options.js"
import { type Runtime, type Version, isV2, lifecycleOf, protocolOf } from "./Runtimes.js"
import { fieldsOf, readBody } from "./Wire.js"
import { type Launch, WorkerProcess } from "./WorkerProcess.js"

export type MachineState = "provisioning" | "running" | "terminating" | "stopped"

interface Health {
  readonly status: "Healthy" | "HealthyBusy"
  /** What the worker told, real seconds; absent when it told no integer. */
  readonly told: number | undefined
  /** The real instant this was told first. */
  readonly firstTold: number
  /** The emulated instant it stands for. */
  readonly since: number | undefined
}

/** A machine takes every process with it, also those that left the worker's group; they are known by its disk. */
const endEscaped = (home: string) => {
  if (home === "") return
  for (const pid of readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`HOME=${home}`))
        process.kill(pid, "SIGKILL")
    } catch {
      // It is gone already.
    }
  }
}

/** One session's microVM: a worker process, asked for its health until it ends. */
export class Machine {
  state: MachineState = "provisioning"
  /** Calls that are inside the container now. */
  inFlight = 0
  lastUsed: number
  health: Health | undefined
  endReason: string | undefined
  /** How many health checks there were. */
  pings = 0
  readonly process: WorkerProcess
  /** Resolves once no process of the machine is left. */
  readonly ended: Promise<void>
  /** Processes that commands started in the machine. */
  readonly guests = new Set<WorkerProcess>()
  private readonly bootedAt: number
  private missedPings = 0
  private readonly cancelLifetime: () => void

  constructor(
    private readonly clock: EmulatedClock,
    private readonly settings: Settings,
    readonly runtime: Runtime,
    readonly version: Version,
    readonly launch: Launch,
    private readonly slowStartMs: number
  ) {
    this.process = new WorkerProcess(launch)
    this.bootedAt = clock.now()
    this.lastUsed = this.bootedAt
    this.ended = this.process.exited.then(() => this.afterExit())
    this.cancelLifetime = clock.after(lifecycleOf(version).maxLifetime * 1000, () => void this.stop("maxLifetime"))
  }

  /** Waits until the worker answers its health check; false when it did not in time or died before. */
  async boot(): Promise<boolean> {
    const { timing } = this.settings
    const limit = isV2(this.version) ? timing.initV2 : timing.init
    const deadline = Date.now() + this.clock.real(limit, timing.initFloor)
    const readyFrom = Date.now() + this.slowStartMs
    while (this.process.alive && this.state === "provisioning" && Date.now() < deadline) {
      if (Date.now() >= readyFrom && (await this.ping())) {
        this.lastUsed = this.clock.now()
        this.state = "running"
        void this.watch()
        return true
      }
      await realDelay(20)
    }
    await this.kill("initialization failed")
    return false
  }

  /** Ends the machine now, without a word to the worker. */
  async kill(reason: string) {
    this.begin(reason)
    this.signalAll("SIGKILL")
    await this.ended
  }

  /** SIGTERM, and SIGKILL when the grace is over. */
  async stop(reason: string) {
    if (this.state === "terminating" || this.state === "stopped") return this.ended
    this.begin(reason)
    this.signalAll("SIGTERM")
    const { grace, graceFloor } = this.settings.timing
    const hard = setTimeout(() => this.signalAll("SIGKILL"), this.clock.real(grace, graceFloor))
    await this.ended
    clearTimeout(hard)
  }

  private begin(reason: string) {
    this.endReason ??= reason
    if (this.state !== "stopped") this.state = "terminating"
    this.cancelLifetime()
  }

  private signalAll(name: NodeJS.Signals) {
    this.process.signal(name)
    for (const guest of this.guests) guest.signal(name)
  }

  private async afterExit() {
    this.begin("worker exited")
    for (const guest of this.guests) guest.signal("SIGKILL")
    endEscaped(this.launch.env["HOME"] ?? "")
    await Promise.all([...this.guests].map((guest) => guest.exited))
    this.state = "stopped"
  }

  /** The health checks of a running machine; a worker that stops answering, or has nothing to do for too long, is ended. */
  private async watch() {
    const { timing } = this.settings
    while (this.state === "running") {
      await realDelay(this.clock.real(timing.ping, timing.pingFloor))
      if (this.state !== "running") return
      const healthy = await this.ping()
      this.pings += 1
      this.missedPings = healthy ? 0 : this.missedPings + 1
      if (this.missedPings >= timing.unhealthyPings) return this.stop("unhealthy")
      if (healthy && this.idleFor() >= lifecycleOf(this.version).idle * 1000) return this.stop("idle")
    }
  }

  /** Emulated milliseconds without work, by the chosen model. */
  idleFor() {
    const now = this.clock.now()
    if (this.inFlight > 0) return 0
    const busy = this.health?.status === "HealthyBusy"
    if (this.settings.idleModel === "doc") return busy ? 0 : now - this.lastUsed
    // Measured: the status counts only beside the time of its last change, which itself resets the timer.
    if (this.health?.since === undefined) return now - this.lastUsed
    return busy ? 0 : now - Math.max(this.lastUsed, this.health.since)
  }

  private async ping(): Promise<boolean> {
    if (protocolOf(this.version) === "MCP") return this.listens()
    const answer = await this.ask("/ping")
    const fields = answer === undefined ? undefined : fieldsOf(answer)
    if (answer === undefined) return false
    const status = fields?.["status"]
    const told = fields?.["time_of_last_update"]
    const seconds = typeof told === "number" && Number.isInteger(told) ? told : undefined
    const firstTold = this.health?.told === seconds ? this.health?.firstTold : undefined
    this.health = {
      status: status === "HealthyBusy" ? status : "Healthy",
      told: seconds,
      firstTold: firstTold ?? Date.now(),
      since: this.sinceOf(seconds, firstTold ?? Date.now())
    }
    return status === "Healthy" || status === "HealthyBusy"
  }

  /** Whole seconds hide up to one real second, which a fast clock would turn into minutes: the end of the second counts. */
  private sinceOf(told: number | undefined, firstTold: number) {
    if (told === undefined) return undefined
    const endOfSecond = Math.min(told * 1000 + 999, Date.now())
    const first = Math.min(endOfSecond, firstTold)
    return this.clock.emulatedAt(first) + (endOfSecond - first) * this.clock.speed
  }

  private ask(path: string) {
    const { pingTimeout, pingTimeoutFloor } = this.settings.timing
    return new Promise<string | undefined>((resolve) => {
      const asked = httpRequest(
        { host: "127.0.0.1", port: this.launch.port, path, agent: false, headers: { accept: "*/*" } },
        (answer: IncomingMessage) => {
          readBody(answer, 65_536).then(
            (body) => resolve(answer.statusCode === 200 ? body.toString("utf8") : undefined),
            () => resolve(undefined)
          )
        }
      )
      const late = setTimeout(() => asked.destroy(), this.clock.real(pingTimeout, pingTimeoutFloor))
      asked.once("error", () => resolve(undefined))
      asked.once("close", () => {
        clearTimeout(late)
        resolve(undefined)
      })
      asked.end()
    })
  }

  private listens() {
    return new Promise<boolean>((resolve) => {
      const socket = connect(this.launch.port, "127.0.0.1", () => {
        socket.destroy()
        resolve(true)
      })
      socket.once("error", () => resolve(false))
    })
  }
}
