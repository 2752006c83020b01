import { Effect, Schema } from "effect"
import type { UnitCall } from "../domain/LaneRouting.js"
import { UnitList, UnitResult, UnitView } from "../domain/LaneView.js"
import { Lanes } from "../dispatch/Lanes.js"
import * as Fields from "./Fields.js"
import * as Reply from "./Reply.js"
import { keyOf } from "./SpawnTools.js"
import { tool } from "./Tool.js"

const reads = { readOnly: true, idempotent: true } as const
const Handle = Schema.Struct({ handle: Schema.String })

export const unitCallOf = ({ orguser, repo, task_description: task }: typeof Fields.unit.Type): UnitCall => ({
  orguser,
  repo,
  task
})

export const dispatchUnit = tool(
  {
    title: "Dispatch to a lane",
    description:
      "Hands a unit of work to an allowlisted repository lane and returns its handle; running means that the lane has it.",
    readOnly: false,
    idempotent: false
  },
  Fields.unit,
  UnitView,
  (args, context) =>
    Effect.flatMap(Lanes, (lanes) =>
      lanes.dispatchUnit(unitCallOf(args), { idempotencyKey: keyOf(undefined, context) })
    ).pipe(Effect.map(Reply.value))
)

export const dispatchStatus = tool(
  { title: "Lane status", description: "Where a dispatched unit stands.", ...reads },
  Handle,
  UnitView,
  (args) => Effect.flatMap(Lanes, (lanes) => lanes.status(args.handle)).pipe(Effect.map(Reply.value))
)

export const dispatchResult = tool(
  { title: "Lane result", description: "A dispatched unit with its exit code and what was said.", ...reads },
  Handle,
  UnitResult,
  (args) => Effect.flatMap(Lanes, (lanes) => lanes.result(args.handle)).pipe(Effect.map(Reply.value))
)

export const dispatchList = tool(
  { title: "List lane dispatches", description: "The newest dispatched units, by time.", ...reads },
  Fields.none,
  UnitList,
  () => Effect.flatMap(Lanes, (lanes) => lanes.list).pipe(Effect.map(Reply.value))
)
