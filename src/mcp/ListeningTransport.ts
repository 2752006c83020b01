import {
  isJSONRPCNotification,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type Transport,
  type TransportSendOptions
} from "@modelcontextprotocol/server"
import { Effect, Stream } from "effect"
import type { Run } from "./Server.js"
import { asCaller } from "./Tool.js"
import {
  clientOfListen,
  errorTo,
  goodbye,
  listen,
  type Listen,
  listenOf,
  type Outgoing,
  refusalOf
} from "./TaskListen.js"

/** How many subscriptions one connection may hold. */
const mostSubscriptions = 256

/** A connection that serves subscriptions to tasks itself and passes everything else on as it comes. */
export class ListeningTransport implements Transport {
  private readonly open = new Map<string | number, { readonly request: Listen; readonly end: AbortController }>()
  onclose?: (() => void) | undefined
  onerror?: ((error: Error) => void) | undefined
  onmessage?: Transport["onmessage"]

  constructor(
    private readonly inner: Transport,
    private readonly run: Run
  ) {
    inner.onclose = () => {
      this.endAll()
      this.onclose?.()
    }
    inner.onerror = (error) => this.onerror?.(error)
    inner.onmessage = (message, extra) => {
      const request = listenOf(message)
      if (request !== undefined) return void this.serve(request)
      if (!this.cancelled(message)) this.onmessage?.(message, extra)
    }
  }

  start = () => this.inner.start()

  send = (message: JSONRPCMessage, options?: TransportSendOptions) => this.inner.send(message, options)

  /** Ends every subscription, as its client must be told. */
  dismiss = async () => {
    for (const { request } of this.open.values()) await this.tell(goodbye(request))
    this.endAll()
  }

  close = async () => {
    await this.dismiss()
    await this.inner.close()
  }

  private endAll() {
    for (const { end } of this.open.values()) end.abort()
    this.open.clear()
  }

  private cancelled(message: JSONRPCMessage): boolean {
    if (!isJSONRPCNotification(message) || message.method !== "notifications/cancelled") return false
    const id = message.params?.["requestId"]
    const subscription = typeof id === "string" || typeof id === "number" ? this.open.get(id) : undefined
    if (subscription === undefined) return false
    this.open.delete(subscription.request.id)
    subscription.end.abort()
    return true
  }

  private async serve(request: Listen): Promise<void> {
    const refusal =
      refusalOf(request) ??
      (this.open.size >= mostSubscriptions || this.open.has(request.id)
        ? errorTo(request.id, -32_603, `Subscription limit reached: ${mostSubscriptions} on one connection`)
        : undefined)
    if (refusal !== undefined) return this.tell(refusal)
    const end = new AbortController()
    this.open.set(request.id, { request, end })
    const telling = Stream.runForEach(listen(request), (message) =>
      Effect.promise(() => (this.open.get(request.id)?.end === end ? this.tell(message) : Promise.resolve()))
    )
    await this.run(asCaller(clientOfListen(request))(telling), end.signal).catch(() => undefined)
  }

  private tell = (message: Outgoing): Promise<void> =>
    this.inner.send(parseJSONRPCMessage(message)).catch((error: unknown) => {
      this.onerror?.(error instanceof Error ? error : new Error(String(error)))
    })
}
