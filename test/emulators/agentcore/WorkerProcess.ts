import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { constants } from "node:os"
import { join } from "node:path"
import { snapshotPreload } from "./SnapshotPreload.js"
import { type Settings, type ServerProtocol } from "./Options.js"
import { type Version, protocolOf } from "./Runtimes.js"

const portOf: Record<ServerProtocol, string> = { HTTP: "8080", MCP: "8000", A2A: "9000", AGUI: "8080" }

/** What a container would be given, for a process on this machine. */
export interface Launch {
  readonly argv: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly port: number
}

const handedOut = new Set<number>()

/** A free loopback port that no other machine here was given. */
const freePort = async (): Promise<number> => {
  const port = await new Promise<number>((resolve, reject) => {
    const probe = createServer()
    probe.once("error", reject)
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address()
      const found = typeof address === "object" && address !== null ? address.port : 0
      probe.close(() => resolve(found))
    })
  })
  if (handedOut.has(port)) return freePort()
  handedOut.add(port)
  return port
}

const artifactName = (version: Version) => {
  const artifact = version.config.agentRuntimeArtifact
  if ("containerConfiguration" in artifact) return [artifact.containerConfiguration.containerUri]
  const { code, runtime } = artifact.codeConfiguration
  return [`s3://${code.s3.bucket}/${code.s3.prefix}`, runtime]
}

/** How to start the worker of a version, with its own ports and disk; nothing when no worker is configured for it. */
export const launchOf = async (
  settings: Settings,
  version: Version,
  disk: { readonly root: string; readonly storage: string },
  region: string
): Promise<Launch | undefined> => {
  const known = new Map(Object.entries(settings.workers))
  const worker = [...artifactName(version), "*"].map((name) => known.get(name)).find((found) => found !== undefined)
  if (worker === undefined) return undefined
  const main = portOf[protocolOf(version)]
  const ports = new Map([[main, await freePort()]])
  for (const text of [...worker.command, ...Object.values(worker.env ?? {})])
    for (const [, number] of text.matchAll(/\{port:(\d+)\}/g))
      if (number !== undefined && !ports.has(number)) ports.set(number, await freePort())
  const port = ports.get(main) ?? 0
  const mounts = (version.config.filesystemConfigurations ?? []).flatMap((mount) =>
    "sessionStorage" in mount ? [mount.sessionStorage.mountPath.replace(/\/$/, "")] : []
  )
  const fill = (text: string) =>
    text
      .replaceAll("{port}", String(port))
      .replaceAll("{dir}", disk.root)
      .replaceAll(/\{port:(\d+)\}/g, (_, number: string) => String(ports.get(number)))
  /** A mount path inside the container is a folder here. */
  const mounted = (text: string) => mounts.reduce((value, mount) => value.replaceAll(mount, disk.storage), text)
  mkdirSync(join(disk.root, "tmp"), { recursive: true })
  if (mounts.length > 0) mkdirSync(disk.storage, { recursive: true })
  const environment = Object.entries({ ...version.config.environmentVariables, ...worker.env })
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: disk.root,
    TMPDIR: join(disk.root, "tmp"),
    HOST: "127.0.0.1",
    PORT: String(port),
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    ...Object.fromEntries(environment.map(([key, value]) => [key, mounted(fill(value))]))
  }
  if (settings.snapshotClones) {
    const preload = join(disk.root, "snapshot-clone.mjs")
    writeFileSync(preload, snapshotPreload)
    Object.assign(env, { NODE_OPTIONS: `--import=${preload}`, HOSTNAME: "localhost" })
  }
  return { argv: worker.command.map((word) => mounted(fill(word))), env, cwd: worker.cwd ?? disk.root, port }
}

const logKept = 256 * 1024
const pipesKept = 500

/** A process group of its own, so that what the worker starts goes when it goes. */
export class WorkerProcess {
  readonly exited: Promise<void>
  alive = true
  log = ""
  /** As a shell would tell it: 127 for no such program, 128 and the signal's number for a killed one. */
  exitCode = -1
  private readonly child: ChildProcess

  constructor(
    launch: Pick<Launch, "argv" | "env" | "cwd">,
    said: (stream: "stdout" | "stderr", text: string) => void = () => undefined
  ) {
    const [file = "", ...args] = launch.argv
    this.child = spawn(file, args, {
      cwd: launch.cwd,
      env: launch.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"]
    })
    const keep = (text: string) => {
      this.log = (this.log + text).slice(-logKept)
    }
    const listen = (stream: "stdout" | "stderr") =>
      this.child[stream]?.setEncoding("utf8").on("data", (text: string) => {
        keep(text)
        said(stream, text)
      })
    listen("stdout")
    listen("stderr")
    this.exited = new Promise((resolve) => {
      this.child.once("error", (error) => {
        this.alive = false
        this.exitCode = 127
        keep(`could not start: ${error.message}\n`)
        said("stderr", `${error.message}\n`)
        resolve()
      })
      this.child.once("exit", (code, signal) => {
        this.alive = false
        this.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal])
        // What it started goes too, which also closes the pipes that "close" waits for.
        this.signal("SIGKILL")
      })
      // A process that left the group may hold the pipes for ever.
      this.child.once("exit", () => setTimeout(resolve, pipesKept).unref())
      this.child.once("close", () => resolve())
    })
  }

  get pid() {
    return this.child.pid
  }

  /** Signals the whole group; a group that is gone already is no fault. */
  signal(name: NodeJS.Signals) {
    const { pid } = this.child
    if (pid === undefined) return
    try {
      process.kill(-pid, name)
    } catch {
      this.child.kill(name)
    }
  }
}
