import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { initTimeExceeded, notFound, quotaExceeded, retryableConflict } from "./AwsError.js"
import { type EmulatedClock } from "./EmulatedClock.js"
import { type Ledgers } from "./Ledger.js"
import { Machine } from "./Machine.js"
import { type Settings } from "./Options.js"
import { type Rates } from "./Rates.js"
import { type Endpoint, type Runtime, type Version, isV2 } from "./Runtimes.js"
import { type Watchdog } from "./Watchdog.js"
import { launchOf } from "./WorkerProcess.js"

export interface SessionKey {
  readonly runtime: Runtime
  readonly endpoint: Endpoint
  readonly sessionId: string
}

interface Session {
  readonly key: SessionKey
  readonly folder: string
  machine: Machine | undefined
  /** Between two operations on the session, when any other gets a conflict. */
  changing: boolean
  boots: number
  storageVersion: string | undefined
  lastUsed: number
}

/** What a fault may ask of the next machine. */
export interface Boot {
  readonly slowStartMs?: number
  readonly neverReady?: boolean
}

const nameOf = (key: SessionKey) => `${key.endpoint.arn} ${key.sessionId}`

/** The sessions of the account: at most one machine each, made on demand, remembered for ever. */
export class Sessions {
  private readonly all = new Map<string, Session>()

  constructor(
    private readonly clock: EmulatedClock,
    private readonly settings: Settings,
    private readonly ledgers: Ledgers,
    private readonly rates: Rates,
    private readonly watchdog: Watchdog
  ) {}

  machines(): ReadonlyArray<{ readonly key: SessionKey; readonly machine: Machine }> {
    return [...this.all.values()].flatMap(({ key, machine }) =>
      machine === undefined || machine.state === "stopped" ? [] : [{ key, machine }]
    )
  }

  /** What the workers of a session wrote to stdout and stderr, the newest machine's. */
  log(sessionId: string) {
    return [...this.all.values()].findLast((session) => session.key.sessionId === sessionId)?.machine?.process.log ?? ""
  }

  /** The running machine of a session, made now when there is none. */
  async acquire(key: SessionKey, boot: Boot = {}): Promise<{ readonly machine: Machine; readonly fresh: boolean }> {
    const session = this.session(key)
    const { machine } = session
    if (session.changing || machine?.state === "provisioning" || machine?.state === "terminating")
      throw retryableConflict()
    if (machine?.state === "running") return { machine, fresh: false }
    this.rates.take("new sessions", this.settings.limits.newSessionsPerSecond)
    if (this.machines().length >= this.settings.limits.activeSessions) throw quotaExceeded("Too many active sessions")
    session.changing = true
    const fresh = await this.boot(session, boot).finally(() => {
      session.changing = false
    })
    return { machine: fresh, fresh: true }
  }

  /** Ends the session's machine at once. */
  async stop(key: SessionKey) {
    const session = this.all.get(nameOf(key))
    const machine = session?.machine
    if (session?.changing || machine?.state === "provisioning" || machine?.state === "terminating")
      throw retryableConflict()
    if (session === undefined || machine === undefined || machine.state === "stopped")
      throw notFound("Session not found or already terminated")
    await machine.kill("StopRuntimeSession")
  }

  running(key: SessionKey) {
    const machine = this.all.get(nameOf(key))?.machine
    return machine?.state === "running" ? machine : undefined
  }

  /** Whether a version's worker comes up at all: a machine is booted for it alone and ended again. */
  async comesUp(runtime: Runtime, version: Version) {
    const root = join(this.settings.dir, `probe-${runtime.id}-${version.number}`)
    const launch = await launchOf(this.settings, version, { root, storage: join(root, "storage") }, runtime.region)
    if (launch === undefined) return false
    const machine = new Machine(this.clock, this.settings, runtime, version, launch, 0)
    this.watchdog.watch(machine.process.pid)
    const up = await machine.boot()
    await machine.kill("probed")
    this.watchdog.forget(machine.process.pid)
    return up
  }

  async close() {
    await Promise.all(this.machines().map(({ machine }) => machine.kill("emulator closed")))
  }

  private session(key: SessionKey): Session {
    const known = this.all.get(nameOf(key))
    if (known !== undefined) return known
    const session: Session = {
      key,
      folder: join(this.settings.dir, `session-${this.all.size + 1}`),
      machine: undefined,
      changing: false,
      boots: 0,
      storageVersion: undefined,
      lastUsed: this.clock.now()
    }
    this.all.set(nameOf(key), session)
    return session
  }

  private async boot(session: Session, wish: Boot): Promise<Machine> {
    const { runtime, endpoint, sessionId } = session.key
    const version = runtime.versions.get(endpoint.liveVersion ?? "")
    if (version === undefined) throw notFound(`Endpoint ${endpoint.name} serves no version`)
    const disk = this.freshDisk(session, version)
    const launch = await launchOf(this.settings, version, disk, runtime.region)
    const seconds = (isV2(version) ? this.settings.timing.initV2 : this.settings.timing.init) / 1000
    if (launch === undefined) throw initTimeExceeded(seconds)
    const slowStartMs = wish.neverReady === true ? Number.POSITIVE_INFINITY : (wish.slowStartMs ?? 0)
    const machine = new Machine(this.clock, this.settings, runtime, version, launch, slowStartMs)
    session.machine = machine
    const endBill = this.ledgers.bootMachine({
      runtimeArn: runtime.arn,
      qualifier: endpoint.name,
      version: version.number,
      sessionId,
      pid: machine.process.pid
    })
    this.watchdog.watch(machine.process.pid)
    void machine.ended.then(() => this.afterEnd(session, machine, endBill))
    if (!(await machine.boot())) throw initTimeExceeded(seconds)
    return machine
  }

  private afterEnd(session: Session, machine: Machine, endBill: (reason: string) => void) {
    endBill(machine.endReason ?? "worker exited")
    this.watchdog.forget(machine.process.pid)
    session.lastUsed = this.clock.now()
    if (this.settings.timing.teardown === 0 || session.changing) return
    session.changing = true
    this.clock.after(this.settings.timing.teardown, () => {
      session.changing = false
    })
  }

  /** A new empty disk; the session storage stays unless another version or two idle weeks came between. */
  private freshDisk(session: Session, version: Version) {
    rmSync(join(session.folder, `boot-${session.boots}`), { recursive: true, force: true })
    session.boots += 1
    const root = join(session.folder, `boot-${session.boots}`)
    const storage = join(session.folder, "storage")
    const stale = this.clock.now() - session.lastUsed > this.settings.timing.storageKept
    if (stale || (session.storageVersion !== undefined && session.storageVersion !== version.number))
      rmSync(storage, { recursive: true, force: true })
    session.storageVersion = version.number
    mkdirSync(root, { recursive: true })
    return { root, storage }
  }
}
