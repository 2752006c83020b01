import { Effect, Either, Option, Predicate, Stream } from "effect"
import type { Json } from "../../src/domain/Json.js"
import { failedOutcome } from "../../src/services/Adapter.js"
import { clientsOf, dataSdk, send } from "./Clients.js"
import { faultOf } from "./Faults.js"
import { failing, type Mode } from "./Mode.js"
import { CommandFailed, CommandInvalid, Expired, StreamBroken } from "./Spec.generated.js"
import { cancel, lateFailure, overhear, gone, probe, tokenOrRefuse } from "./PromptMode.js"
import { begin, type Talk, talkOf } from "./Talks.js"
import { patiently } from "./WorkerStart.js"

/** The most the service lets one command run, in seconds. */
const longest = 3600
const commandBytes = 65_536
const keptOutput = 64 * 1024
/** How much longer than the command its answer may take, in seconds: a new machine comes up first. */
const slack = 150

/** An argument for a service that splits words at blanks, understands one pair of quotes, and runs no shell. */
const quoted = (argument: string): string | undefined => {
  if (/^[A-Za-z0-9_\-./:=@%+,]+$/.test(argument)) return argument
  if (!argument.includes("'")) return `'${argument}'`
  return argument.includes('"') ? undefined : `"${argument}"`
}

const lineOf = (command: Json | undefined): Either.Either<string, CommandInvalid> => {
  const invalid = (problem: string) => Either.left(new CommandInvalid({ problem }))
  if (typeof command === "string" && command.trim() !== "") return bounded(command)
  if (!Array.isArray(command) || command.length === 0 || !command.every(Predicate.isString))
    return invalid("is missing; give the executable and its arguments as an array of strings")
  const words = command.map(quoted)
  const at = words.indexOf(undefined)
  return at === -1
    ? bounded(words.join(" "))
    : invalid(`element ${at} has both kinds of quotes, which the service cannot take; put it into a file`)
}

const bounded = (line: string): Either.Either<string, CommandInvalid> =>
  Buffer.byteLength(line) > commandBytes
    ? Either.left(new CommandInvalid({ problem: `is longer than ${commandBytes} bytes` }))
    : Either.right(line)

const start: Mode["start"] = (work) =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    const token = yield* tokenOrRefuse(task)
    const command = yield* lineOf(task.request.input["command"])
    const timeout = Math.min(plan.details.deadlineSeconds ?? longest, longest)
    const { InvokeAgentRuntimeCommandCommand } = yield* dataSdk
    const { start: client } = yield* clientsOf(plan.place)
    const request = new InvokeAgentRuntimeCommandCommand({
      agentRuntimeArn: session.runtimeArn,
      qualifier: session.qualifier,
      runtimeSessionId: session.sessionId,
      contentType: "application/json",
      accept: "application/vnd.amazon.eventstream",
      body: { command, timeout }
    })
    const hold = (talk: Talk, taken: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const { stream } = yield* patiently(send((options) => client.send(request, options))).pipe(
          Effect.mapError(failing(work, "InvokeAgentRuntimeCommand"))
        )
        yield* taken
        if (stream === undefined) {
          talk.outcome = failedOutcome(new StreamBroken({ detail: "the answer has no stream" }))
          return
        }
        yield* listen(talk, Stream.fromAsyncIterable(stream, faultOf), timeout)
      }).pipe(
        // A stream that says nothing more cannot be ended from here; it ends with its session.
        Effect.disconnect,
        Effect.timeoutTo({
          duration: (timeout + slack) * 1000,
          onSuccess: () => undefined,
          onTimeout: () => failedOutcome(new Expired({ seconds: timeout }))
        }),
        Effect.map((late) => {
          if (late !== undefined) talk.outcome = late
        })
      )
    yield* begin(token, hold, lateFailure)
    return {
      providerRefs: { ...session },
      entries: [{ type: "session.created", payload: { sessionId: session.sessionId } }]
    }
  })

interface Piece {
  readonly chunk?:
    | {
        readonly contentDelta?:
          | { readonly stdout?: string | undefined; readonly stderr?: string | undefined }
          | undefined
        readonly contentStop?:
          | { readonly exitCode?: number | undefined; readonly status?: string | undefined }
          | undefined
      }
    | undefined
}

const listen = (talk: Talk, pieces: Stream.Stream<Piece, ReturnType<typeof faultOf>>, timeout: number) =>
  Effect.gen(function* () {
    let output = ""
    let stopped: { readonly exitCode: number; readonly status: string } | undefined
    const hear = ({ chunk }: Piece) =>
      Effect.sync(() => {
        for (const text of [chunk?.contentDelta?.stdout, chunk?.contentDelta?.stderr]) {
          if (text !== undefined && text !== "") talk.said.push({ log: text })
        }
        output = (output + (chunk?.contentDelta?.stdout ?? "")).slice(-keptOutput)
        const stop = chunk?.contentStop
        if (stop !== undefined) stopped = { exitCode: stop.exitCode ?? -1, status: stop.status ?? "COMPLETED" }
      })
    const heard = yield* Effect.either(Stream.runForEach(pieces, hear))
    const result = { exitCode: stopped?.exitCode ?? null, output }
    talk.outcome = Option.match(Option.fromNullable(stopped), {
      onNone: () =>
        failedOutcome(
          new StreamBroken({ detail: Either.isLeft(heard) ? heard.left.detail : "no exit code came" }),
          result
        ),
      onSome: ({ exitCode, status }) =>
        status === "TIMED_OUT"
          ? failedOutcome(new Expired({ seconds: timeout }), result)
          : exitCode === 0
            ? { ok: true, result }
            : failedOutcome(new CommandFailed({ exitCode }), result)
    })
  })

const observe: Mode["observe"] = (work) => {
  const talk = talkOf(work.task.startToken)
  return talk === undefined
    ? gone(work, "the process that read the command's output ended, and the service cannot be asked for it again")
    : Effect.sync(() => overhear(work, talk))
}

/** A command in the session's machine, whatever app it runs. */
export const commandMode: Mode = { start, probe, observe, finish: () => Effect.void, cancel }
