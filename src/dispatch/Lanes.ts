import { Context, Effect, Layer, Schema } from "effect"
import { BackendFailed, type DispatchError } from "../domain/DispatchError.js"
import { LaneHandleUnknown } from "../domain/LaneError.js"
import { laneAdapter, routeUnit, type UnitCall } from "../domain/LaneRouting.js"
import {
  handleOf,
  unitAudit,
  type UnitList,
  type UnitResult,
  unitResult,
  unitStatus,
  type UnitView,
  unitView
} from "../domain/LaneView.js"
import { type RoutedRequest, type Task, TaskId } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { Allowlist } from "../services/Allowlist.js"
import { Ids } from "../services/Ids.js"
import { Redactor } from "../services/Redactor.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import { type Accept, makeAccept } from "./Accept.js"
import { makeVisible, ownOnly } from "./Visible.js"
import { waitFor } from "./WaitFor.js"

/** How long a call waits for the dispatch command's end, in seconds: less than the minute that clients wait. */
const patience = 45
/** The most dispatches that are listed. */
const listed = 200
const page = 100

/** Units of work for repository lanes; each is an ordinary task, told in the words of the lanes. */
export class Lanes extends Context.Tag("agentdispatch/Lanes")<
  Lanes,
  {
    /** What a unit would be dispatched as; nothing is. */
    readonly route: (call: UnitCall) => Effect.Effect<RoutedRequest, DispatchError>
    /** Records the unit, then waits for the dispatch command, which decides between a view and an error. */
    readonly dispatchUnit: (
      call: UnitCall,
      accept: Pick<Accept, "idempotencyKey">
    ) => Effect.Effect<UnitView, DispatchError>
    /** By handle or by task id. */
    readonly status: (handle: string) => Effect.Effect<UnitView, DispatchError>
    readonly result: (handle: string) => Effect.Effect<UnitResult, DispatchError>
    /** The newest dispatches, oldest of them first. */
    readonly list: Effect.Effect<UnitList, DispatchError>
  }
>() {
  static readonly layer = Layer.effect(
    Lanes,
    Effect.gen(function* () {
      const store = yield* Store
      const ids = yield* Ids
      const allowlist = yield* Allowlist
      const { specs } = yield* Adapters
      const { config } = yield* Settings
      const { secretIn } = yield* Redactor
      const accept = yield* makeAccept
      const waited = waitFor(store)
      const visible = yield* makeVisible

      const route = Effect.fn("lanes.route")(function* (call: UnitCall) {
        const settings = yield* allowlist.settings
        return yield* routeUnit({ config, secretIn, specs }, { allowlist: yield* allowlist.read, ...settings }, call)
      })

      const aliasOf = (id: string) => Effect.map(ids.digest(id), (digest) => `dsp-${digest.slice(0, 16)}`)

      const dispatchUnit = Effect.fn("lanes.dispatchUnit")(function* (
        call: UnitCall,
        { idempotencyKey }: Pick<Accept, "idempotencyKey">
      ) {
        const routed = yield* Effect.either(route(call))
        const accepted = yield* accept.one("dispatch_unit", routed, { idempotencyKey, aliasOf, audited: unitAudit })
        const task = yield* waited(accepted, patience, (seen) => unitStatus(seen) !== "pending")
        return unitStatus(task) === "failed" ? yield* failed(task) : unitView(task)
      })

      const find = Effect.fn("lanes.find")(function* (given: string) {
        const handle = given.trim()
        const unknown = () => new LaneHandleUnknown({ handle: handle.slice(0, 60) })
        if (!isTaskId(handle) && !isHandle(handle)) return yield* unknown()
        const task = yield* visible(handle)
        return task.request.adapter === laneAdapter ? task : yield* unknown()
      })

      const found = (handle: string) =>
        Effect.catchTag(
          find(handle),
          "TaskNotFound",
          () => new LaneHandleUnknown({ handle: handle.trim().slice(0, 60) })
        )

      const list = Effect.gen(function* () {
        const own = yield* ownOnly
        const units: Array<UnitView> = []
        let before: number | undefined
        do {
          const { next, tasks } = yield* store.list({ ...own, provider: "lane", limit: page, before })
          units.push(...tasks.filter(({ request }) => request.adapter === laneAdapter).map(unitView))
          before = next
        } while (before !== undefined && units.length < listed)
        const dispatches = units.slice(0, listed).reverse()
        return { count: dispatches.length, dispatches }
      }).pipe(Effect.withSpan("lanes.list"))

      return {
        route,
        dispatchUnit,
        status: (handle) => Effect.map(found(handle), unitView),
        result: (handle) => Effect.map(found(handle), unitResult),
        list
      }
    })
  )
}

const isTaskId = Schema.is(TaskId)
const isHandle = (text: string): boolean => /^dsp-[0-9a-f]{16}$/.test(text)

/** The failed dispatch stays recorded, and its handle leads to it. */
const failed = (task: Task) =>
  new BackendFailed({
    code: task.error?.code ?? "lane.cancelled",
    detail: `${task.error?.message ?? "The dispatch was cancelled before the lane had it."} (handle ${handleOf(task)})`,
    retryable: false
  })
