import { Either, Schema } from "effect"
import { isTerminal, type TaskStatus } from "./Lifecycle.js"
import { laneOf } from "./Policy.js"
import type { RoutedRequest, Task } from "./Task.js"

/** A line of queued tasks that are alike for admission: first come, first served within it. */
export interface Line {
  /** Higher ones first. */
  readonly priority: number
  /** Lines of one share take turns with those of the others. */
  readonly share: string
  /** What its tasks are counted by, such as `all` and `backend:desk`. */
  readonly keys: ReadonlyArray<string>
}

/** A line as one text, the same for the same line. */
const LineText = Schema.parseJson(Schema.Tuple([Schema.Int, Schema.String], Schema.String))
const decodeLine = Schema.decodeEither(LineText)
const encodeLine = Schema.encodeSync(LineText)

const key = (kind: string, name: string | undefined): ReadonlyArray<string> =>
  name === undefined ? [] : [`${kind}:${name}`]

/** The kind of key under which the tasks of a backend are counted that can only be done on one machine. */
const roomHere = "room"

/** The line a task waits in. One caller's fan-out does not hold up another's single task, nor its own. */
export const lineOf = ({
  host,
  lineage,
  principal,
  request
}: Pick<Task, "host" | "lineage" | "principal" | "request">): string =>
  encodeLine([
    request.terms?.priority ?? 0,
    `${principal ?? ""} ${lineage?.group ?? lineage?.parent ?? ""}`,
    "all",
    ...key("account", request.accountProfile),
    ...key("backend", request.backend),
    ...key(roomHere, host === undefined ? undefined : `${request.backend} ${host}`),
    ...key("runtime", request.runtime),
    ...key("lane", laneOf(request)),
    ...key("principal", principal)
  ])

/** When a queued task has waited too long, in milliseconds since 1970. */
export const queueEnd = ({ createdAt, request }: Pick<Task, "createdAt" | "request">): number | undefined =>
  request.terms?.queueSeconds === undefined ? undefined : createdAt + request.terms.queueSeconds * 1_000

/** Why a task cannot get parts, if it cannot. */
export const parentProblem = (id: string, status: TaskStatus | undefined): string | undefined => {
  if (status === undefined) return `there is no task "${id}"`
  return isTerminal(status) || status === "cancelling"
    ? `"${id}" is ${status}; parts can only be added to a task that goes on`
    : undefined
}

/** A text that is none is a line of its own that nothing limits. */
export const readLine = (text: string): Line =>
  Either.match(decodeLine(text), {
    onLeft: () => ({ priority: 0, share: text, keys: [] }),
    onRight: ([priority, share, ...keys]) => ({ priority, share, keys })
  })

/** A queued task that could go next. */
export interface Waiting<A> {
  /** Smaller ones came first. */
  readonly seq: number
  readonly request: RoutedRequest
  readonly task: A
}

export interface Limits {
  /** The limit on a key of a line. */
  readonly most: (key: string) => number | undefined
  /** How many tasks of its backend may be under way, as the request says. */
  readonly capacity: (request: RoutedRequest) => number
}

/** Counts by key and by share what is under way. */
export interface Counts {
  readonly keys: ReadonlyMap<string, number>
  readonly shares: ReadonlyMap<string, number>
}

export const countsOf = (lines: Iterable<readonly [line: Line, tasks: number]>): Counts => {
  const keys = new Map<string, number>()
  const shares = new Map<string, number>()
  for (const [line, tasks] of lines) count(keys, shares, line, tasks)
  return { keys, shares }
}

const count = (keys: Map<string, number>, shares: Map<string, number>, line: Line, tasks: number) => {
  for (const name of line.keys) keys.set(name, (keys.get(name) ?? 0) + tasks)
  shares.set(line.share, (shares.get(line.share) ?? 0) + tasks)
}

/** How many tasks share the room of a backend that a task of the line needs: a machine's own, or that of them all. */
export const takenOf = ({ keys }: Counts, line: Line, { backend }: RoutedRequest): number =>
  keys.get(line.keys.find((name) => name.startsWith(`${roomHere}:`)) ?? `backend:${backend}`) ?? 0

/** How many more tasks of a line its limits allow. */
export const roomOf = ({ keys }: Line, counts: Counts, most: Limits["most"]): number =>
  keys.reduce((room, name) => Math.min(room, (most(name) ?? Infinity) - (counts.keys.get(name) ?? 0)), Infinity)

/**
 * Which tasks leave the queue, in order: the highest priority first, among equals the share with the least under way,
 * then whoever came first. A line that finds no room lets the others pass, and none of its own.
 */
export const admit = <A>(
  lines: ReadonlyArray<{ readonly line: Line; readonly waiting: ReadonlyArray<Waiting<A>> }>,
  before: Counts,
  limits: Limits,
  room: number
): ReadonlyArray<A> => {
  const keys = new Map(before.keys)
  const shares = new Map(before.shares)
  const open = lines.map(({ line, waiting }) => ({ line, waiting, next: 0 }))
  const admitted: Array<A> = []
  while (admitted.length < room) {
    const candidates = open.filter(({ next, waiting }) => next < waiting.length)
    const first = candidates.reduce<(typeof open)[number] | undefined>(
      (best, candidate) => (best === undefined || goesBefore(candidate, best, shares) ? candidate : best),
      undefined
    )
    const head = first?.waiting[first.next]
    if (first === undefined || head === undefined) break
    const counts = { keys, shares }
    const isFull = takenOf(counts, first.line, head.request) >= limits.capacity(head.request)
    if (isFull || roomOf(first.line, counts, limits.most) < 1) {
      first.next = first.waiting.length
      continue
    }
    count(keys, shares, first.line, 1)
    first.next += 1
    admitted.push(head.task)
  }
  return admitted
}

interface Open<A> {
  readonly line: Line
  readonly waiting: ReadonlyArray<Waiting<A>>
  readonly next: number
}

const goesBefore = <A>(one: Open<A>, other: Open<A>, shares: ReadonlyMap<string, number>): boolean => {
  if (one.line.priority !== other.line.priority) return one.line.priority > other.line.priority
  const difference = (shares.get(one.line.share) ?? 0) - (shares.get(other.line.share) ?? 0)
  if (difference !== 0) return difference < 0
  return (one.waiting[one.next]?.seq ?? Infinity) < (other.waiting[other.next]?.seq ?? Infinity)
}
