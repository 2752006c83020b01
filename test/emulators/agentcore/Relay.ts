import { type IncomingMessage, type ServerResponse } from "node:http"
import { type Call } from "./Call.js"
import { type Fault } from "./Faults.js"

const replyKept = 4096

const nonsense = {
  "malformed-json": '{"dispatch": {"v": 1, "sta',
  "malformed-sse": 'event: \u0000\ndata {"half": \n\nid\n: '
}

const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 2))

const pieces = (chunk: Buffer, size: number) =>
  Array.from({ length: Math.ceil(chunk.length / size) }, (_, index) => chunk.subarray(index * size, (index + 1) * size))

/** Resolves when the caller can take more, or has gone. */
const writable = (response: ServerResponse) =>
  new Promise<void>((resolve) => {
    const done = () => {
      response.off("drain", done)
      response.off("close", done)
      resolve()
    }
    response.once("drain", done)
    response.once("close", done)
  })

const letter = (byte: number) => (byte === 0x41 ? 0x42 : 0x41)

/** The caller's side of one answer; once it is shut, further bytes go nowhere. */
export class Outlet {
  private passed = 0
  shut = false

  constructor(
    private readonly response: ServerResponse,
    private readonly fault: Fault | undefined,
    private readonly limit: number
  ) {}

  get open() {
    return !this.shut && !this.response.destroyed
  }

  async write(chunk: Buffer) {
    if (!this.open) return
    const { kind, afterBytes } = this.fault ?? {}
    const cutting = kind === "reset-mid-stream" || kind === "silent-fin" || kind === "stall"
    const left = cutting ? (afterBytes ?? this.passed + chunk.length) - this.passed : Number.POSITIVE_INFINITY
    const part = kind === "corrupt" ? this.corrupted(chunk, afterBytes ?? 0) : chunk.subarray(0, left)
    for (const piece of kind === "tear-chunks" ? pieces(part, 7) : [part]) {
      if (!this.response.write(piece)) await writable(this.response)
      if (kind === "tear-chunks") await soon()
    }
    this.passed += part.length
    if (this.passed > this.limit) this.end(false)
    if (chunk.length < left || !cutting) return
    this.shut = true
    // What was written has to leave before the connection is cut; a stalled one just stays open.
    await soon()
    if (kind === "reset-mid-stream") this.response.socket?.resetAndDestroy()
    if (kind === "silent-fin") this.response.socket?.end()
  }

  private corrupted(chunk: Buffer, at: number) {
    const index = at - this.passed
    if (index < 0 || index >= chunk.length) return chunk
    const changed = Buffer.from(chunk)
    changed[index] = letter(chunk[index] ?? 0)
    return changed
  }

  /** The container's answer is over, or broke off. */
  end(whole: boolean) {
    if (!this.open) return
    if (whole) this.response.end()
    else this.response.socket?.resetAndDestroy()
  }
}

const readInto = async (answer: IncomingMessage, take: (chunk: Buffer) => Promise<void>) => {
  for await (const chunk of answer) await take(Buffer.from(chunk))
}

/** Prepares the answer for a fault that must see it before its headers leave. */
export const prepareFor = (fault: Fault | undefined, response: ServerResponse) => {
  if (fault?.kind !== "silent-fin") return
  // Neither length nor chunking: only such a body can end early and look whole.
  response.useChunkedEncodingByDefault = false
  response.shouldKeepAlive = false
}

/**
 * Passes the container's answer on byte for byte as it comes. A caller that leaves does not stop the container:
 * the rest is read and thrown away. Resolves when the container has said all it says.
 */
export const relay = async (
  { entry, fault, response, world }: Call,
  answer: IncomingMessage,
  headers: Readonly<Record<string, string>>
) => {
  prepareFor(fault, response)
  entry.status = answer.statusCode ?? 200
  response.writeHead(entry.status, headers)
  response.flushHeaders()
  if (fault?.kind === "malformed-json" || fault?.kind === "malformed-sse") {
    response.end(nonsense[fault.kind])
    answer.resume()
    return
  }
  const outlet = new Outlet(response, fault, world.settings.limits.payloadBytes)
  let kept = Buffer.alloc(0)
  await readInto(answer, async (chunk) => {
    if (kept.length < replyKept) {
      kept = Buffer.concat([kept, chunk]).subarray(0, replyKept)
      entry.reply = kept.toString("utf8")
    }
    await outlet.write(chunk)
  }).then(
    () => outlet.end(true),
    () => outlet.end(false)
  )
}
