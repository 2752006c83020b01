import { Effect } from "effect"
import type { Json } from "../../src/domain/Json.js"
import type { Outcome } from "../../src/domain/Task.js"
import { type Answer, answerOf } from "../../src/domain/WorkerLine.js"
import { failedOutcome } from "../../src/services/Adapter.js"
import { decodeTail } from "./Lines.js"
import { readWindow } from "./Output.js"
import {
  Cancelled,
  DeadlineExceeded,
  type Details,
  Exited,
  type FolderFailed,
  Killed,
  OutputLimit,
  SpawnFailed,
  SupervisorFailed,
  WorkerFailed
} from "./Spec.generated.js"
import { type Exit, files } from "./supervisor/Records.js"
import type { Cursor } from "./Wire.js"

const outputTail = 32 * 1024
const lastLines = { bytes: 4096, count: 20 }

/** How the work ended, from its exit record and its own words. */
export const outcomeOf = Effect.fn("local.outcome")(function* (
  taskId: string,
  folder: string,
  executable: string,
  details: Details,
  exit: Exit,
  line: string
) {
  const said = answerOf(line, taskId)
  const result = said?.result
  switch (exit.reason) {
    case "spawn_failed":
      return failedOutcome(new SpawnFailed({ executable, detail: exit.error?.message ?? "the system gave no reason" }))
    case "deadline":
      return failedOutcome(new DeadlineExceeded({ seconds: details.deadlineSeconds }), result)
    case "output_limit":
      return failedOutcome(new OutputLimit({ bytes: details.outputLimitBytes }), result)
    case "supervisor_failed":
      return failedOutcome(new SupervisorFailed({ detail: exit.error?.message ?? "it gave no reason" }), result)
    case "cancelled":
      return failedOutcome(new Cancelled(), result)
    case "terminated":
      return failedOutcome(
        new Killed({
          executable,
          signal: "a SIGTERM to its supervisor",
          lastLines: yield* endOf(folder, files.stderr)
        }),
        result
      )
    case "exited":
      return yield* byItself(folder, executable, exit, said)
  }
})

const byItself = Effect.fnUntraced(function* (
  folder: string,
  executable: string,
  { code, signal }: Exit,
  said: Answer | undefined
) {
  if (said?.ok === false) {
    return failedOutcome(
      new WorkerFailed({ detail: said.message, exitCode: code, workerError: said.error ?? null }),
      said.result
    )
  }
  if (code === 0) return { ok: true, result: said?.result ?? (yield* printed(folder)) } satisfies Outcome
  const lines = yield* endOf(folder, files.stderr)
  if (code === null)
    return failedOutcome(new Killed({ executable, signal: signal ?? "a signal", lastLines: lines }), said?.result)
  return failedOutcome(new Exited({ executable, exitCode: code, lastLines: lines }), said?.result)
})

/** The line that says how the work went; empty if there is none. */
export const readAnswer = (folder: string, answer: Cursor["answer"]): Effect.Effect<string, FolderFailed> =>
  answer === undefined
    ? Effect.succeed("")
    : Effect.map(readWindow(folder, files.stdout, answer.at, answer.bytes), ({ bytes }) =>
        decodeTail(bytes, false).trim()
      )

/** What a command without a result of its own printed, or the end of it. */
const printed = (folder: string) =>
  Effect.map(readWindow(folder, files.stdout, -outputTail, outputTail), ({ bytes, size }): Json => {
    const cut = size > bytes.length
    return { exitCode: 0, output: decodeTail(bytes, cut), ...(cut ? { truncated: true, outputBytes: size } : {}) }
  })

const endOf = (folder: string, name: string) =>
  Effect.map(readWindow(folder, name, -lastLines.bytes, lastLines.bytes), ({ bytes, size }) =>
    decodeTail(bytes, size > bytes.length)
      .trimEnd()
      .split("\n")
      .slice(-lastLines.count)
      .filter((line) => line !== "")
  )
