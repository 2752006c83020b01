import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { Schema } from "effect"
import { JsonObject } from "../../src/domain/Json.js"
import { answerOf, commandOf, type Place, program, type Start } from "../support/Server.js"
import { greeting, request } from "../support/RawServer.js"

const decode = Schema.decodeSync(Schema.parseJson(JsonObject))

/** A server on the other end of two pipes, where every byte is counted. */
export interface Wire {
  readonly pid: number
  readonly ask: (method: string, params?: JsonObject) => Promise<JsonObject>
  readonly call: (tool: string, args: JsonObject) => Promise<JsonObject>
  /** Bytes sent and received so far. */
  readonly traffic: () => number
  readonly kill: () => Promise<void>
}

/** Starts a server and greets it. */
export const connect = async (at: Place, start: Start = {}, script: string = program): Promise<Wire> => {
  const { args, command, cwd, env } = commandOf(at, start)
  const ours = args.map((arg) => (arg === program ? script : arg))
  const child = spawn(command, ours, { cwd, env, stdio: ["pipe", "pipe", "inherit"] })
  const waiting = new Map<number, (message: JsonObject) => void>()
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()))
  let bytes = 0
  let last = 0
  createInterface({ input: child.stdout }).on("line", (line) => {
    bytes += Buffer.byteLength(line) + 1
    const message = decode(line)
    const { id } = message
    if (typeof id !== "number") return
    waiting.get(id)?.(message)
    waiting.delete(id)
  })
  const send = (id: number, text: string) => {
    bytes += Buffer.byteLength(text)
    child.stdin.write(text)
    return new Promise<JsonObject>((resolve) => waiting.set(id, resolve))
  }
  const ask: Wire["ask"] = (method, params) => {
    const id = ++last
    return send(id, request(id, method, params))
  }
  await send(0, greeting(0))
  return {
    pid: child.pid ?? 0,
    ask,
    call: async (name, args_) => {
      const answer = answerOf((await ask("tools/call", { name, arguments: args_ }))["result"])
      if (answer.isError) throw new Error(`${name}: ${answer.text}`)
      return Schema.decodeUnknownSync(JsonObject)(answer.value)
    },
    traffic: () => bytes,
    kill: () => {
      child.kill("SIGKILL")
      return gone
    }
  }
}

/** Memory a process holds now, in megabytes. */
export const memory = ({ pid }: Wire): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024

export const timed = async (act: () => Promise<unknown>): Promise<number> => {
  const from = performance.now()
  await act()
  return performance.now() - from
}
