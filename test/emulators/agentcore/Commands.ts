import { type Call } from "./Call.js"
import { sessionHeader } from "./ContainerHeaders.js"
import { disturb, replacesAnswer } from "./Disturbance.js"
import { event, exception } from "./EventStream.js"
import { machineOf } from "./Invoke.js"
import { CommandBody, validate } from "./RuntimeBody.js"
import { Outlet, prepareFor } from "./Relay.js"
import { bodyFields } from "./Wire.js"
import { WorkerProcess } from "./WorkerProcess.js"

const chunkLimit = 48 * 1024

/** The words of a command line as the service cuts them: by blanks and whole quotes, with no shell and no joined quotes. */
export const words = (command: string): ReadonlyArray<string> =>
  [...command.matchAll(/"((?:\\.|[^"\\])*)"|'([^']*)'|([^\s"']\S*)|(["'])/g)].map(
    ([, double, single, bare, stray]) => double?.replace(/\\(["\\])/g, "$1") ?? single ?? bare ?? stray ?? ""
  )

/** `InvokeAgentRuntimeCommand`: runs a program in the session's machine and streams what it says. */
export const command = async (call: Call) => {
  const { entry, fault, response, world } = call
  const { command: line, timeout } = validate(CommandBody, bodyFields(call.body))
  const { key, machine } = await machineOf(call)
  const { launch } = machine
  const outlet = new Outlet(response, fault, world.settings.limits.payloadBytes)
  let written = Promise.resolve()
  const write = (bytes: Buffer) => {
    written = written.then(() => outlet.write(bytes))
  }
  machine.inFlight += 1
  const guest = new WorkerProcess({ argv: words(line), env: launch.env, cwd: launch.cwd }, (stream, text) => {
    for (let at = 0; at < text.length; at += chunkLimit)
      write(event("chunk", { contentDelta: { [stream]: text.slice(at, at + chunkLimit) } }))
  })
  machine.guests.add(guest)
  entry.deliveries += 1
  entry.delivered = true
  prepareFor(fault, response)
  response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream", [sessionHeader]: key.sessionId })
  write(event("chunk", { contentStart: {} }))
  let timedOut = false
  const cancel = world.clock.after((timeout ?? 300) * 1000, () => {
    timedOut = true
    guest.signal("SIGKILL")
  })
  await guest.exited
  cancel()
  machine.guests.delete(guest)
  machine.inFlight -= 1
  machine.lastUsed = world.clock.now()
  // A machine that ended under the command takes the stream with it.
  if (machine.state !== "running") return void response.socket?.resetAndDestroy()
  if (fault !== undefined && fault.when !== "before" && replacesAnswer(fault)) return disturb(call, fault)
  write(
    fault?.kind === "exception-frame"
      ? exception("runtimeClientError", "The command's output could not be read")
      : event("chunk", {
          contentStop: { exitCode: timedOut ? -1 : guest.exitCode, status: timedOut ? "TIMED_OUT" : "COMPLETED" }
        })
  )
  await written
  outlet.end(true)
}
