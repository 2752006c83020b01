import { Clock, Effect, Option, Schema } from "effect"
import type { NewArtifact, Task } from "../../src/domain/Task.js"
import { understand } from "../../src/domain/WorkerLine.js"
import { failedOutcome, type Observation } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"
import { leftBehind } from "./Artifacts.js"
import { endOrphans, type Ending } from "./Ending.js"
import { cut, patience } from "./Lines.js"
import { outcomeOf, readAnswer } from "./Outcome.js"
import { readWindow } from "./Output.js"
import { Cancelled, type Details, WorkerLost } from "./Spec.generated.js"
import { files } from "./supervisor/Records.js"
import { type Situation, situation, touchedAt } from "./TaskFolder.js"
import { beginning, Cursor } from "./Wire.js"

const step = 256 * 1024

interface Seen {
  readonly entries: ReadonlyArray<Entry>
  readonly artifacts: ReadonlyArray<NewArtifact>
  readonly cursor: Cursor
  /** More is on disk than was looked at. */
  readonly more: boolean
}

/** What the task said since its cursor and, once everything it said has been seen, how it ended. */
export const observe = Effect.fn("local.observe")(
  function* (task: Task, details: Details, executable: string, ending: Ending) {
    const { folder } = ending
    const found = yield* situation(folder, ending.processes)
    const cursor = Option.getOrElse(Schema.decodeUnknownOption(Cursor)(task.cursor), () => beginning)
    const over = found.state !== "running"
    const out = yield* see(task.id, folder, "stdout", cursor, over)
    const err = yield* see(task.id, folder, "stderr", out.cursor, over)
    const seen = {
      entries: joined([...out.entries, ...err.entries]),
      artifacts: out.artifacts,
      cursor: err.cursor
    }
    if (out.more || err.more) return { ...seen, pollAfter: 0 } satisfies Observation
    switch (found.state) {
      case "running":
        return { ...seen, pollAfter: yield* patienceOf(folder, seen.entries.length > 0) } satisfies Observation
      case "ended": {
        const line = yield* readAnswer(folder, seen.cursor.answer)
        const declared = [...seen.artifacts, ...(understand(line, task.id)?.artifacts ?? [])]
        const others = yield* leftBehind(folder, new Set(declared.map(({ uri }) => uri)))
        const outcome = yield* outcomeOf(task.id, folder, executable, details, found.exit, line)
        return { ...seen, artifacts: [...seen.artifacts, ...others], outcome, pollAfter: 0 } satisfies Observation
      }
      case "void":
        return { ...seen, outcome: failedOutcome(new Cancelled()), pollAfter: 0 } satisfies Observation
      default:
        return (yield* endOrphans(ending))
          ? ({ ...seen, outcome: failedOutcome(lost(found)), pollAfter: 0 } satisfies Observation)
          : ({ ...seen, pollAfter: 100 } satisfies Observation)
    }
  },
  (effect) => Effect.map(effect, (observation): Observation => observation)
)

/** What a stream holds beyond the cursor; `over` says that nothing more will be written. */
const see = Effect.fnUntraced(function* (
  taskId: string,
  folder: string,
  name: "stdout" | "stderr",
  cursor: Cursor,
  over: boolean
) {
  const within = cursor.within.includes(name)
  const look = (length: number) =>
    Effect.map(readWindow(folder, files[name], cursor[name], length), ({ bytes, size }) => {
      const more = cursor[name] + bytes.length < size
      return { ...cut(bytes, { within, last: over && !more }), more }
    })
  const first = yield* look(step)
  const { pieces, used, within: still, more } = first.used === 0 && first.more ? yield* look(patience.json) : first

  const entries: Array<Entry> = []
  const artifacts: Array<NewArtifact> = []
  let answer = cursor.answer
  for (const { text, at, bytes, whole, newline } of pieces) {
    const said = name === "stdout" && whole ? understand(text.trim(), taskId) : undefined
    if (said === undefined) entries.push({ log: newline || (over && !more) ? `${text}\n` : text })
    else {
      entries.push(...said.entries)
      artifacts.push(...said.artifacts)
      if (said.answers) answer = { at: cursor[name] + at, bytes }
    }
  }
  const seen: Seen = {
    entries,
    artifacts,
    cursor: {
      ...cursor,
      [name]: cursor[name] + used,
      within: [...cursor.within.filter((stream) => stream !== name), ...(still ? [name] : [])],
      ...(answer === undefined ? {} : { answer })
    },
    more
  }
  return seen
})

/** Neighbouring text is one entry. */
const joined = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> => {
  const result: Array<Entry> = []
  for (const entry of entries) {
    const last = result.at(-1)
    if ("log" in entry && last !== undefined && "log" in last) result[result.length - 1] = { log: last.log + entry.log }
    else result.push(entry)
  }
  return result
}

/** Looks often while there is something to see and ever less often in silence. */
const patienceOf = Effect.fnUntraced(function* (folder: string, talking: boolean) {
  if (talking) return 50
  const now = yield* Clock.currentTimeMillis
  const spoke = yield* Effect.all([touchedAt(folder, files.stdout), touchedAt(folder, files.stderr)])
  const quiet = now - Math.max(...spoke.map((at) => at ?? 0))
  return Math.round(Math.min(1000, Math.max(50, quiet / 4)))
})

const lost = (found: Situation): WorkerLost =>
  new WorkerLost({
    lastHeartbeat: "lastSeen" in found ? new Date(found.lastSeen).toISOString() : "before its folder was removed"
  })
