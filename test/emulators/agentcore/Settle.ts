import { type Call } from "./Call.js"
import { type Endpoint, type Runtime, type Status, type Version, isV2 } from "./Runtimes.js"

type Change = "create" | "update" | "delete"

const words: Record<Change, { readonly busy: Status; readonly failed: Status }> = {
  create: { busy: "CREATING", failed: "CREATE_FAILED" },
  update: { busy: "UPDATING", failed: "UPDATE_FAILED" },
  delete: { busy: "DELETING", failed: "DELETE_FAILED" }
}

/** A version on platform V2 must come up once before it is READY; others are believed. */
const comesUp = async ({ world }: Call, runtime: Runtime | undefined, version: Version | undefined) =>
  runtime === undefined || version === undefined || !isV2(version) || (await world.sessions.comesUp(runtime, version))

/**
 * Begins a change of a runtime (or, without one, of endpoints alone) and brings it to its end after a while: the
 * status it was asked for, a failure, or none for as long as the call's fault says so. A deleted runtime's sessions live on.
 */
export const settle = (
  call: Call,
  runtime: Runtime | undefined,
  version: Version | undefined,
  endpoints: ReadonlyArray<Endpoint>,
  change: Change,
  removed: () => void = () => undefined
) => {
  const { world, fault } = call
  const { timing } = world.settings
  const things = [...(runtime === undefined ? [] : [runtime]), ...endpoints]
  const put = (status: Status, failureReason?: string) => {
    for (const thing of things) {
      thing.status = status
      thing.failureReason = failureReason
      thing.lastUpdatedAt = world.clock.iso()
    }
  }
  const finish = (up: boolean) => {
    if (fault?.kind === `${change}-failed`) return put(words[change].failed, "Internal failure; try again later")
    if (!up) return put(words[change].failed, "The container did not become healthy within 120 seconds")
    if (change === "delete") {
      if (runtime !== undefined) world.runtimes.remove(runtime)
      return removed()
    }
    put("READY")
    for (const endpoint of endpoints) endpoint.liveVersion = endpoint.targetVersion
  }
  put(words[change].busy)
  const slow = change === "create" && version !== undefined && isV2(version)
  const goOn = (ms: number) => {
    const up = comesUp(call, runtime, version)
    world.clock.after(ms, () => void up.then(finish))
  }
  if (fault?.kind !== "stuck") goOn(slow ? timing.createV2 : timing[change])
  else if (fault.ms === undefined) world.faults.hold(() => goOn(0))
  else goOn(fault.ms * world.clock.speed)
}
