import { Data, Effect, Option, Schema } from "effect"
import { faultOf } from "../../adapters/aws-agentcore/Faults.js"

/** One answer of the service as it came, refusals too: what the checks compare. */
export interface Answered<A> {
  /** 200, or such as `404 ResourceNotFoundException`; without a status there was no answer. */
  readonly words: string
  readonly message: string
  readonly value?: A
}

const Refusal = Schema.Struct({
  name: Schema.String,
  message: Schema.String,
  $metadata: Schema.optional(Schema.Struct({ httpStatusCode: Schema.optional(Schema.Number) }))
})
const decodeRefusal = Schema.decodeUnknownOption(Refusal)

class Refused extends Data.TaggedError("Refused")<{ readonly words: string; readonly reason: string }> {}

const refusedOf = (error: unknown): Refused =>
  Option.match(decodeRefusal(error), {
    onNone: () => new Refused({ words: "no answer", reason: faultOf(error).detail }),
    onSome: ({ name, message, $metadata }) =>
      new Refused({ words: `${$metadata?.httpStatusCode ?? "no answer"} ${name}`, reason: message })
  })

/** One call that is looked at whatever comes of it. */
export const answered = <A extends { readonly $metadata: { readonly httpStatusCode?: number | undefined } }>(
  run: (options: { readonly abortSignal: AbortSignal }) => Promise<A>
): Effect.Effect<Answered<A>> =>
  Effect.tryPromise({ try: (abortSignal) => run({ abortSignal }), catch: refusedOf }).pipe(
    Effect.match({
      onSuccess: (value) => ({ words: String(value.$metadata.httpStatusCode ?? "no status"), message: "", value }),
      onFailure: ({ words, reason }) => ({ words, message: reason })
    })
  )
