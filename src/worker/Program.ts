import { type ChildProcessByStdio, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import type { Readable, Writable } from "node:stream"
import { Effect, Fiber, Schema, Stream } from "effect"
import { defined, encodeText, type Json } from "../domain/Json.js"
import type { NewArtifact } from "../domain/Task.js"
import { WorkerTask } from "../domain/WorkerEvent.js"
import { answerOf, type Told, understand } from "../domain/WorkerLine.js"
import type { Argv } from "./ArgumentVector.js"
import type { Answer, Job } from "./Framework.js"
import { type Line, lines } from "./Lines.js"
import { endTree } from "./ProcessTree.js"
import { systemCode } from "./SystemProblem.js"
import { tail } from "./Tail.js"
import { ProgramEnded, ProgramFailed, ProgramNotStarted } from "./WorkerError.js"

const kept = { stdout: 32 * 1024, stderr: 4 * 1024 }
const lastLines = 20
/** What a stream still holds once all its writers are gone is read in far less. */
const flushMillis = 5000
const markName = "AGENTDISPATCH_WORKER_RUN"

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly problem?: string
}

/**
 * Runs a program with the task on its stdin, where an interactive one also finds its answers. Its stdout may tell of events and of the answer in the worker's lines;
 * all else it prints is log. However this ends, nothing that the program started runs any more.
 */
export const program = Effect.fn("worker.program")(
  function* (argv: Argv, job: Job, interactive = false) {
    const [executable] = argv
    const { child, endAll, ended } = yield* started(argv, job)
    const out = tail(kept.stdout)
    const err = tail(kept.stderr)
    let answer = ""
    const artifacts: Array<NewArtifact> = []
    const hear = (found: ReadonlyArray<Line>) => {
      const told: Array<Told> = []
      for (const { text, whole } of found) {
        const said = whole ? understand(text.trim(), job.task.taskId) : undefined
        if (said === undefined) told.push({ log: text })
        else {
          told.push(...said.entries)
          artifacts.push(...said.artifacts)
          if (said.answers) answer = text.trim()
        }
      }
      return tell(told, job)
    }
    const drain = (stream: Readable, onChunk: (chunk: Buffer) => void, onLines: typeof hear) => {
      const cutter = lines()
      return Stream.fromAsyncIterable<Buffer, unknown>(stream, (cause) => cause).pipe(
        // A stream that is cut off has told all it will.
        Stream.catchAll(() => Stream.empty),
        Stream.runForEach((chunk) => {
          onChunk(chunk)
          return onLines(cutter.feed(chunk))
        }),
        Effect.zipRight(Effect.suspend(() => onLines(cutter.end())))
      )
    }
    const drained = yield* Effect.fork(
      Effect.all(
        [
          drain(child.stdout, out.feed, hear),
          drain(child.stderr, err.feed, (found) =>
            tell(
              found.map(({ text }) => ({ log: text })),
              job
            )
          )
        ],
        { concurrency: 2 }
      )
    )
    yield* Effect.sync(() => {
      // A program that ends without reading is no fault.
      child.stdin.on("error", () => undefined).write(`${taskText(job.task)}\n`)
      if (interactive && job.questions !== undefined)
        job.questions.open(({ answer: { action, content }, key }) => {
          child.stdin.write(`${encodeText(defined({ type: "task.answer", key, action, content }))}\n`)
        })
      else child.stdin.end()
    })
    const { code, signal, problem } = yield* ended
    if (problem !== undefined) return yield* new ProgramNotStarted({ executable, problem })
    // A descendant that outlives the program would hold its streams open.
    yield* endAll
    yield* Effect.timeoutOption(Fiber.join(drained), flushMillis)

    const said = answerOf(answer, job.task.taskId)
    if (said?.ok === false)
      return yield* new ProgramFailed({
        problem: said.message,
        details: { exitCode: code, ...optional("workerError", said.error), ...optional("result", said.result) }
      })
    const printed = {
      exitCode: code,
      output: out.text(),
      ...(out.cut() ? { truncated: true, outputBytes: out.bytes() } : {})
    }
    if (code === 0) return { output: said?.result ?? printed, artifacts } satisfies Answer
    const lastWords = err.text().trimEnd().split("\n").slice(-lastLines).join("\n")
    return yield* new ProgramEnded({
      executable,
      how: code === null ? `by ${signal ?? "a signal"}` : `with exit code ${code}`,
      details: { exitCode: code, signal, output: printed.output, lastLines: lastWords }
    })
  },
  (effect) => Effect.scoped(effect)
)

const taskText = Schema.encodeSync(Schema.parseJson(WorkerTask))

const optional = (name: string, value: Json | undefined) => (value === undefined ? {} : { [name]: value })

/** Neighbouring text is one event. */
const tell = (told: ReadonlyArray<Told>, job: Job) => {
  const events: Array<Exclude<Told, { readonly log: string }>> = []
  let text: Array<string> = []
  const flush = () => {
    if (text.length > 0) events.push({ type: "task.log", message: text.join("\n") })
    text = []
  }
  for (const one of told) {
    if ("log" in one) text.push(one.log.replace(/\n$/, ""))
    else {
      flush()
      events.push(one)
    }
  }
  flush()
  return Effect.forEach(events, job.emit, { discard: true })
}

/** Listens from the first instant; the child leads its own process group, which is ended with the scope. */
const started = (argv: Argv, job: Job) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => begin(argv, job),
      catch: (cause) => new ProgramNotStarted({ executable: argv[0], problem: systemCode(cause) })
    }),
    ({ child, endAll }) =>
      Effect.gen(function* () {
        yield* endAll
        child.stdout.destroy()
        child.stderr.destroy()
      })
  )

const begin = ([executable, ...args]: Argv, job: Job) => {
  const run = randomUUID({ disableEntropyCache: true })
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(executable, args, {
    cwd: job.cwd,
    env: { ...job.env, AGENTDISPATCH_TASK_ID: job.task.taskId, [markName]: run },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"]
  })
  const { pid } = child
  const endAll =
    pid === undefined ? Effect.void : endTree({ leader: pid, mark: `${markName}=${run}` }, job.graceSeconds)
  const settled = new Promise<Ended>((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, problem: systemCode(error) }))
    child.once("exit", (code, signal) => resolve({ code, signal }))
  })
  return { child, endAll, ended: Effect.promise(() => settled) }
}
