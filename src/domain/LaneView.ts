import { DateTime, Either, Schema } from "effect"
import type { Json, JsonObject } from "./Json.js"
import { commandOf, taskOf, workOf } from "./LaneWork.js"
import type { Task } from "./Task.js"

/** Where a dispatched unit stands, in the words of the lanes. */
export const UnitStatus = Schema.Literal("pending", "running", "succeeded", "failed")
export type UnitStatus = typeof UnitStatus.Type

export const UnitView = Schema.Struct({
  handle: Schema.String,
  orguser: Schema.String,
  repo: Schema.String,
  github: Schema.String,
  status: UnitStatus,
  /** ISO 8601. */
  requested_at: Schema.String
})
export type UnitView = typeof UnitView.Type

export const UnitResult = Schema.Struct({
  ...UnitView.fields,
  /** The command's exit code; null while there is none. */
  returncode: Schema.NullOr(Schema.Int),
  detail: Schema.String
})
export type UnitResult = typeof UnitResult.Type

export const UnitList = Schema.Struct({ count: Schema.Int, dispatches: Schema.Array(UnitView) })
export type UnitList = typeof UnitList.Type

/** By which name callers know a lane's task; one that came in another way than as a unit has only its id. */
export const handleOf = ({ alias, id }: Pick<Task, "alias" | "id">): string => alias ?? id

/**
 * A lane that cannot be asked is told no end for: its task is over once the work was handed over, and the unit then
 * runs, as far as anybody here knows.
 */
export const unitStatus = ({ request, status }: Task): UnitStatus => {
  switch (status) {
    case "queued":
    case "provisioning":
    case "starting":
      return "pending"
    case "running":
    case "input_required":
    case "completing":
    case "cancelling":
      return "running"
    case "succeeded":
      return request.details["status"] === undefined ? "running" : "succeeded"
    case "failed":
    case "cancelled":
      return "failed"
  }
}

export const unitView = (task: Task): UnitView => {
  const { details } = task.request
  return {
    handle: handleOf(task),
    orguser: textOf(details["orguser"]),
    repo: textOf(details["repo"]),
    github: textOf(details["github"]),
    status: unitStatus(task),
    requested_at: DateTime.formatIso(DateTime.unsafeMake(task.createdAt))
  }
}

export const unitResult = (task: Task): UnitResult => {
  const { detail, returncode } = {
    ...ended(task.providerRefs),
    ...ended(task.outcome?.result),
    ...ended(task.error?.details)
  }
  return { ...unitView(task), returncode: returncode ?? null, detail: detail ?? task.error?.message ?? "" }
}

const Ended = Schema.Struct({
  returncode: Schema.optional(Schema.NullOr(Schema.Int)),
  detail: Schema.optional(Schema.String)
})

const decodeEnded = Schema.decodeUnknownEither(Ended)

/** What a command said at its end, wherever it was kept. */
const ended = (kept: Json | undefined) => Either.getOrElse(decodeEnded(kept), (): typeof Ended.Type => ({}))

const textOf = (value: Json | undefined): string => (typeof value === "string" ? value : "")

const previewLength = 120

/** What the audit keeps about a unit: where it went, and, to be taken out if need be, what was said. */
export const unitAudit = (task: Task): { readonly detail: JsonObject; readonly sensitive: JsonObject } => {
  const { detail, status, returncode, requested_at, ...where } = unitResult(task)
  const text = taskOf(task.request)
  const argv = Either.map(workOf(task.request.details), (work) =>
    commandOf(work, work.command, { task: text, handle: where.handle })
  )
  return {
    detail: { orguser: where.orguser, repo: where.repo, github: where.github, requested_at, status, returncode },
    sensitive: {
      task_preview: text.length > previewLength ? `${text.slice(0, previewLength - 3)}...` : text,
      argv: Either.getOrElse(argv, () => []),
      detail
    }
  }
}
