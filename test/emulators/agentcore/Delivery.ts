import { type IncomingMessage, request as httpRequest } from "node:http"
import { setTimeout as realDelay } from "node:timers/promises"
import { containerFailed } from "./AwsError.js"
import { type Call } from "./Call.js"
import { type Fault } from "./Faults.js"
import { type Machine } from "./Machine.js"

const exitNoticed = 200

/** A request as the container gets it. */
export interface Parcel {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const sendOnce = ({ entry, world }: Call, machine: Machine, parcel: Parcel, sent: () => void) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const used = () => {
      machine.lastUsed = world.clock.now()
    }
    machine.inFlight += 1
    used()
    const asked = httpRequest({
      host: "127.0.0.1",
      port: machine.launch.port,
      method: parcel.method,
      path: parcel.path,
      agent: false,
      headers: { ...parcel.headers, ...(parcel.method === "POST" ? { "content-length": parcel.body.length } : {}) }
    })
    asked.once("finish", () => {
      entry.deliveries += 1
      entry.delivered = true
      sent()
    })
    asked.once("response", resolve)
    asked.once("error", () => reject(containerFailed(500)))
    asked.once("close", () => {
      machine.inFlight -= 1
      used()
    })
    asked.end(parcel.body)
  })

/** The faults that take the machine away under a call. */
const endMachineLater = (fault: Fault | undefined, machine: Machine) => {
  const end = (ending: () => Promise<void>) => {
    const timer = setTimeout(() => void ending(), fault?.ms ?? 0)
    void machine.ended.then(() => clearTimeout(timer))
  }
  if (fault?.kind === "vm-kill") end(() => machine.kill("killed"))
  if (fault?.kind === "vm-terminate") end(() => machine.stop("terminated"))
  if (fault?.kind === "idle-reap") end(() => machine.stop("idle"))
}

/**
 * Takes the call into the machine and waits for the first of the container's answer; `sent` runs when the request's
 * last byte is in the container's socket. That the caller left meanwhile is not told to the container.
 */
export const deliver = async (
  call: Call,
  machine: Machine,
  parcel: Parcel,
  sent: () => void
): Promise<IncomingMessage> => {
  const { entry, fault } = call
  if (fault?.kind === "duplicate") {
    const first = await sendOnce(call, machine, parcel, () => undefined)
    first.resume()
    await realDelay(fault.ms ?? 0)
  }
  const answer = await sendOnce(call, machine, parcel, () => {
    sent()
    endMachineLater(fault, machine)
  }).catch(async (error: unknown) => {
    // A worker that died is seen by its socket first; the next call is to find the session ended.
    await Promise.race([machine.ended, realDelay(exitNoticed)])
    throw error
  })
  entry.containerStatus = answer.statusCode ?? 0
  return answer
}
