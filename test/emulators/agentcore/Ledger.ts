import { type EmulatedClock } from "./EmulatedClock.js"
import { type Fields, fieldsOf, isFields, textOf } from "./Wire.js"

/** One request that reached the service, delivered to a container or not. Times are emulated. */
export interface Invocation {
  readonly number: number
  readonly at: string
  readonly op: string
  readonly accessKeyId?: string | undefined
  runtimeArn?: string | undefined
  qualifier?: string | undefined
  version?: string | undefined
  sessionId?: string | undefined
  taskId?: string | undefined
  /** The op of a `dispatch/1` request, the method of a JSON-RPC one. */
  method?: string | undefined
  /** From the client's `amz-sdk-request` header: which try of one call this is. */
  attempt?: number | undefined
  invocationId?: string | undefined
  /** Whether this call made the session's machine. */
  freshMachine?: boolean
  /** How many times the request's bytes went into a container. */
  deliveries: number
  delivered: boolean
  /** Whether the service has done what was asked, told the caller or not. */
  performed?: boolean
  containerStatus?: number
  /** The first bytes of what the container answered. */
  reply?: string
  status?: number
  error?: string
  fault?: string
  clientGone?: boolean
}

/** One machine from boot to end: what the account pays for. Times are emulated. */
export interface Bill {
  readonly runtimeArn: string
  readonly qualifier: string
  readonly version: string
  readonly sessionId: string
  readonly pid: number | undefined
  readonly startedAt: string
  stoppedAt?: string
  reason?: string
  seconds: number
  live: boolean
}

const member = (fields: Fields | undefined, ...path: ReadonlyArray<string>) =>
  textOf(path.reduce<unknown>((value, key) => (isFields(value) ? value[key] : undefined), fields))

/** The task a request is about, for the payloads this project sends: `dispatch/1`, a prompt with metadata, JSON-RPC. */
export const subjectOf = (
  body: Buffer
): { readonly taskId?: string | undefined; readonly method?: string | undefined } => {
  const fields = fieldsOf(body.subarray(0, 1_000_000).toString("utf8"))
  const firstOf = (...paths: ReadonlyArray<ReadonlyArray<string>>) =>
    paths.map((path) => member(fields, ...path)).find((found) => found !== undefined)
  return {
    taskId: firstOf(
      ["dispatch", "taskId"],
      ["taskId"],
      ["task_id"],
      ["metadata", "taskId"],
      ["metadata", "task_id"],
      ["input", "taskId"],
      ["params", "message", "metadata", "taskId"],
      ["params", "message", "messageId"],
      ["params", "id"],
      ["params", "taskId"]
    ),
    method: firstOf(["dispatch", "op"], ["method"])
  }
}

export class Ledgers {
  readonly invocations: Array<Invocation> = []
  private readonly machines: Array<Bill & { readonly startedMs: number; stoppedMs?: number }> = []

  constructor(private readonly clock: EmulatedClock) {}

  open(call: Omit<Invocation, "number" | "at" | "deliveries" | "delivered">): Invocation {
    const entry = {
      number: this.invocations.length + 1,
      at: this.clock.iso(),
      deliveries: 0,
      delivered: false,
      ...call
    }
    this.invocations.push(entry)
    return entry
  }

  bootMachine(machine: Pick<Bill, "runtimeArn" | "qualifier" | "version" | "sessionId" | "pid">) {
    const startedMs = this.clock.now()
    const entry: Bill & { readonly startedMs: number; stoppedMs?: number } = {
      ...machine,
      startedAt: new Date(startedMs).toISOString(),
      startedMs,
      seconds: 0,
      live: true
    }
    this.machines.push(entry)
    return (reason: string) => {
      if (!entry.live) return
      entry.stoppedMs = this.clock.now()
      entry.stoppedAt = new Date(entry.stoppedMs).toISOString()
      entry.seconds = (entry.stoppedMs - startedMs) / 1000
      entry.reason = reason
      entry.live = false
    }
  }

  /** Every machine there was, newest last. */
  billing(): ReadonlyArray<Bill> {
    return this.machines.map(({ startedMs, stoppedMs: _stopped, ...bill }) => ({
      ...bill,
      seconds: bill.live ? (this.clock.now() - startedMs) / 1000 : bill.seconds
    }))
  }

  live(): ReadonlyArray<Bill> {
    return this.billing().filter((bill) => bill.live)
  }

  sessionSeconds() {
    return this.billing().reduce((sum, bill) => sum + bill.seconds, 0)
  }

  /** Calls that went into a container, narrowed by any members. */
  deliveries(like: Partial<Pick<Invocation, "op" | "taskId" | "method" | "sessionId">> = {}) {
    return this.invocations.filter(
      (call) =>
        call.delivered &&
        (like.op === undefined || call.op === like.op) &&
        (like.taskId === undefined || call.taskId === like.taskId) &&
        (like.method === undefined || call.method === like.method) &&
        (like.sessionId === undefined || call.sessionId === like.sessionId)
    )
  }

  snapshot() {
    return { invocations: this.invocations, billing: this.billing(), sessionSeconds: this.sessionSeconds() }
  }
}
