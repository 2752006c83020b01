import { Effect, Exit, Option, Schema } from "effect"
import { clientsOf, controlOf } from "../../adapters/aws-agentcore/Clients.js"
import { planOf } from "../../adapters/aws-agentcore/Plan.js"
import { broken, makeBench } from "./Bench.js"
import type { Check } from "./Check.js"
import { checks } from "./Checks.js"
import { type Finding, newFinding, verdictOf } from "./Finding.js"
import { findingText, skippedText, sumText } from "./Report.js"
import { type Account, requestOf } from "./Requests.js"

type Say = (text: string) => Effect.Effect<void>

const Metadata = Schema.Struct({
  $metadata: Schema.Struct({
    httpStatusCode: Schema.optional(Schema.Number),
    requestId: Schema.optional(Schema.String)
  })
})
const metadataOf = Schema.decodeUnknownOption(Metadata)

/** Has every call of the adapter's clients written down by the check that is running. */
const listenIn = (account: Account, current: () => Finding | undefined) =>
  Effect.gen(function* () {
    const { place } = yield* broken(planOf(requestOf(account, "session")))
    const data = yield* clientsOf(place)
    const control = yield* controlOf(place)
    const note = (operation: string, answer: unknown) =>
      Option.match(metadataOf(answer), {
        onNone: () => undefined,
        onSome: ({ $metadata: { httpStatusCode = "no answer", requestId = "without an id" } }) =>
          void current()?.requests.push({
            operation: operation.replace(/Command$/, ""),
            words: String(httpStatusCode),
            id: requestId
          })
      })
    const recording =
      <Args, Answer extends { readonly output: unknown }>(
        next: (args: Args) => Promise<Answer>,
        { commandName = "a call" }: { readonly commandName?: string }
      ) =>
      async (args: Args): Promise<Answer> => {
        const answer = next(args)
        answer.then(
          ({ output }) => note(commandName, output),
          (error: unknown) => note(commandName, error)
        )
        return answer
      }
    const how = { step: "initialize", name: "verifyRequests" } as const
    for (const { middlewareStack } of [data.start, data.poll, data.stop]) middlewareStack.add(recording, how)
    control.middlewareStack.add(recording, how)
  })

const skip = ({ name, needs, slow }: Check, { made }: Account, only: ReadonlyArray<string>): string | undefined => {
  if (only.length > 0 && !only.includes(name)) return "not named"
  if (slow === true && only.length === 0) return `slow; name it with --only ${name}`
  return needs === "image" && made === undefined ? "needs --image and --role" : undefined
}

/** Runs the checks one after the other; the exit code. */
export const run = Effect.fn("verify.run")(function* (account: Account, only: ReadonlyArray<string>, say: Say) {
  const findings: Array<Finding> = []
  yield* listenIn(account, () => findings.at(-1))
  const one = (check: Check) =>
    Effect.suspend(() => {
      const reason = skip(check, account, only)
      if (reason !== undefined) return reason === "not named" ? Effect.void : say(skippedText(check, reason))
      const finding = newFinding()
      findings.push(finding)
      return Effect.scoped(Effect.flatMap(makeBench(account, finding), check.run)).pipe(
        Effect.catchAll(({ detail }) =>
          Effect.sync(() => finding.pen.judged("the check", "comes to its end", detail, false))
        ),
        Effect.onExit((exit) => say(findingText(check, finding, Exit.isInterrupted(exit))))
      )
    })
  yield* Effect.ensuring(
    Effect.forEach(checks, one, { discard: true }),
    Effect.suspend(() => say(sumText(findings)))
  )
  return findings.every((finding) => verdictOf(finding) === "pass") ? 0 : 1
})
