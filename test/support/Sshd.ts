import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { userInfo } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import { eventually } from "./Server.js"

const program = "/usr/sbin/sshd"
const keyMaker = "ssh-keygen"

/** Why there can be no sshd here, or nothing. */
export const withoutSshd = existsSync(program) ? undefined : `${program} is missing; install openssh-server to run this`

const key = (folder: string, name: string): string => {
  const path = join(folder, name)
  execFileSync(keyMaker, ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path])
  return path
}

const listening = (server: ReturnType<typeof createServer>) =>
  Effect.async<number>((resume) => {
    server.listen(0, "127.0.0.1", () => {
      const address: AddressInfo | string | null = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const freePort = Effect.gen(function* () {
  const server = createServer()
  const port = yield* listening(server)
  yield* Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  return port
})

const answers = (port: number) =>
  Effect.async<true | undefined>((resume) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => resume(Effect.succeed(true)))
    socket.once("error", () => resume(Effect.succeed(undefined)))
    return Effect.sync(() => socket.destroy())
  })

/** A port that takes every connection and never says a word. */
export const silentPort: Effect.Effect<number, never, Scope.Scope> = Effect.gen(function* () {
  const sockets = new Set<{ destroy: () => unknown }>()
  const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
  )
  return yield* listening(server)
})

export interface Sshd {
  /** `lanes.ssh` for a user that the server lets in. */
  readonly ssh: JsonObject
  readonly port: number
  /** A key that nobody knows. */
  readonly strangerKey: string
}

/** A real sshd on a loopback port with keys of its own; commands find `bin` first. It ends with the scope. */
export const sshd = (folder: string, bin: string): Effect.Effect<Sshd, never, Scope.Scope> =>
  Effect.gen(function* () {
    const at = join(folder, "ssh")
    mkdirSync(at, { mode: 0o700, recursive: true })
    if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 })
    const [hostKey, userKey, strangerKey] = [key(at, "host"), key(at, "user"), key(at, "stranger")]
    const port = yield* freePort
    const file = (name: string, ...lines: ReadonlyArray<string>) => {
      writeFileSync(join(at, name), `${lines.join("\n")}\n`, { mode: 0o600 })
      return join(at, name)
    }
    const config = file(
      "sshd_config",
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${hostKey}`,
      `PidFile ${join(at, "pid")}`,
      `AuthorizedKeysFile ${file("authorized_keys", readFileSync(`${userKey}.pub`, "utf8").trim())}`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin yes",
      "PasswordAuthentication yes",
      `SetEnv PATH=${bin}:/usr/local/bin:/usr/bin:/bin`
    )
    yield* Effect.acquireRelease(
      Effect.sync(() => spawn(program, ["-D", "-e", "-f", config], { stdio: "ignore" })),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("close", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    yield* eventually(answers(port))
    const hostLine = readFileSync(`${hostKey}.pub`, "utf8").trim()
    return {
      port,
      strangerKey,
      ssh: {
        host: "127.0.0.1",
        port,
        user: userInfo().username,
        identityFile: userKey,
        knownHosts: file("known_hosts", `[127.0.0.1]:${port} ${hostLine}`),
        configFile: file("config", "IdentitiesOnly yes")
      }
    }
  })
