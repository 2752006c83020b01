import { Either, Schema } from "effect"
import { InvalidInput } from "./DispatchError.js"
import { isTerminal, TaskStatus } from "./Lifecycle.js"
import type { Task } from "./Task.js"

/** The most pieces of work one call may hand over. */
export const mostItems = 50

/** A name for tasks that were dispatched together, as unguessable as a task's id. */
export const groupPattern = /^group_[0-9a-hjkmnp-tv-z]{26}$/

export interface Item<A> {
  /** Its name among the others. */
  readonly key: string
  /** Keys of others of the same call, or ids of earlier tasks. */
  readonly dependsOn: ReadonlyArray<string>
  readonly call: A
}

/** How the tasks of a group stand: one line each, whatever they give back. */
export const GroupView = Schema.Struct({
  group: Schema.String,
  done: Schema.Boolean,
  counts: Schema.Record({ key: Schema.String, value: Schema.Int }),
  tasks: Schema.Array(
    Schema.Struct({
      key: Schema.optional(Schema.String),
      taskId: Schema.String,
      status: TaskStatus,
      error: Schema.optional(Schema.String)
    })
  )
})
export type GroupView = typeof GroupView.Type

export const groupView = (group: string, tasks: ReadonlyArray<Task>): GroupView => {
  const counts: Record<string, number> = {}
  for (const { status } of tasks) counts[status] = (counts[status] ?? 0) + 1
  return {
    group,
    done: tasks.every(({ status }) => isTerminal(status)),
    counts,
    tasks: tasks.map(({ error, id, lineage, status }) => ({
      ...(lineage?.key === undefined ? {} : { key: lineage.key }),
      taskId: id,
      status,
      ...(error === undefined ? {} : { error: error.code })
    }))
  }
}

/** The items in an order in which each comes after those it depends on; none may be named twice, or wait for itself. */
export const inOrder = <A>(items: ReadonlyArray<Item<A>>): Either.Either<ReadonlyArray<Item<A>>, InvalidInput> => {
  const refuse = (path: string, problem: string) => Either.left(new InvalidInput({ path, problem }))
  if (items.length === 0 || items.length > mostItems)
    return refuse("items", `must be 1 to ${mostItems} pieces of work, got ${items.length}`)
  const byKey = new Map(items.map((item) => [item.key, item]))
  const repeated = items.findIndex(({ key }, index) => items.findIndex((other) => other.key === key) !== index)
  if (repeated !== -1) {
    return refuse(
      `items[${repeated}].key`,
      `"${items[repeated]?.key ?? ""}" is the key of two items; give each its own`
    )
  }
  const ordered: Array<Item<A>> = []
  const done = new Set<string>()
  const visit = (item: Item<A>, path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    if (done.has(item.key)) return undefined
    if (path.includes(item.key)) return [...path.slice(path.indexOf(item.key)), item.key]
    for (const needs of item.dependsOn) {
      const other = byKey.get(needs)
      const cycle = other === undefined ? undefined : visit(other, [...path, item.key])
      if (cycle !== undefined) return cycle
    }
    done.add(item.key)
    ordered.push(item)
    return undefined
  }
  for (const item of items) {
    const cycle = visit(item, [])
    if (cycle !== undefined)
      return refuse("items", `wait for each other in a circle (${cycle.join(" → ")}); leave one depends_on out`)
  }
  return Either.right(ordered)
}
