/** What runs in a session's machine. `{port}` is the protocol's port, `{port:9000}` another free one, `{dir}` the machine's disk. */
export interface WorkerCommand {
  readonly command: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export type ServerProtocol = "HTTP" | "A2A" | "MCP" | "AGUI"

/** A runtime that is READY as soon as the emulator is; members missing here get the service's defaults. */
export interface SeedRuntime {
  readonly agentRuntimeName: string
  readonly agentRuntimeId?: string
  readonly containerUri?: string
  readonly serverProtocol?: ServerProtocol
  readonly region?: string
  readonly requestHeaderAllowlist?: ReadonlyArray<string>
  readonly environmentVariables?: Readonly<Record<string, string>>
  readonly idleRuntimeSessionTimeout?: number
  readonly maxLifetime?: number
  /** A mount path such as `/mnt/data` whose files outlive the session's machine. */
  readonly sessionStorage?: string
  readonly platformVersion?: string
  readonly requireMMDSV2?: boolean
  readonly tags?: Readonly<Record<string, string>>
}

/** Durations in emulated milliseconds; the `…Floor` ones are the least real milliseconds whatever the clock's speed. */
export const defaultTiming = {
  create: 2_000,
  createV2: 180_000,
  update: 2_000,
  delete: 3_000,
  ping: 2_000,
  pingFloor: 25,
  pingTimeout: 5_000,
  pingTimeoutFloor: 2_000,
  /** So many pings in a row without a healthy answer end the session. */
  unhealthyPings: 3,
  init: 30_000,
  initV2: 120_000,
  initFloor: 15_000,
  grace: 15_000,
  graceFloor: 1_000,
  /** How long a stopped session's machine is still being torn down (409). */
  teardown: 0,
  sync: 15 * 60_000,
  stream: 60 * 60_000,
  storageKept: 14 * 24 * 3_600_000,
  tokenKept: 24 * 3_600_000
}
export type Timing = typeof defaultTiming

export const defaultLimits = {
  payloadBytes: 100_000_000,
  dataPlanePerSecond: 1_000,
  newSessionsPerSecond: 25,
  activeSessions: 5_000,
  mutationsPerSecond: 50,
  getsPerSecond: 150,
  listsPerSecond: 25,
  runtimes: 1_000,
  versions: 1_000,
  endpoints: 10
}
export type Limits = typeof defaultLimits

/** `doc`: HealthyBusy keeps a session. `measured`: it does so only beside an integer `time_of_last_update`. */
export type IdleModel = "doc" | "measured"

export interface EmulatorOptions {
  /** By container URI, `s3://bucket/prefix`, code runtime such as `NODE_22`, or `*` for everything else. */
  readonly workers: Readonly<Record<string, WorkerCommand>>
  readonly runtimes?: ReadonlyArray<SeedRuntime>
  readonly port?: number
  /** How many emulated seconds pass in a real one. */
  readonly speed?: number
  readonly region?: string
  readonly accountId?: string
  readonly idleModel?: IdleModel
  readonly timing?: Partial<Timing>
  readonly limits?: Partial<Limits>
  /** Machines' disks go below this folder; a temporary one that is removed at close when absent. */
  readonly dir?: string
  /** Restore every machine of a version from one snapshot: same process id, same randomness until the first request. */
  readonly snapshotClones?: boolean
}

export interface Settings {
  readonly workers: Readonly<Record<string, WorkerCommand>>
  readonly region: string
  readonly accountId: string
  readonly idleModel: IdleModel
  readonly timing: Timing
  readonly limits: Limits
  readonly dir: string
  readonly snapshotClones: boolean
}
