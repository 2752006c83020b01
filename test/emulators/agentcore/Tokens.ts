import { createHash } from "node:crypto"
import { invalid } from "./AwsError.js"
import { type EmulatedClock } from "./EmulatedClock.js"

interface Remembered {
  readonly digest: string
  readonly answer: unknown
  readonly at: number
}

/** Client tokens: the same request again gets the same answer and does nothing; another one under the token is refused. */
export class Tokens {
  private readonly seen = new Map<string, Remembered>()

  constructor(
    private readonly clock: EmulatedClock,
    private readonly keptMs: number
  ) {}

  /** Does the work unless the token has seen it; failures are not remembered. */
  async once<A>(
    scope: string,
    token: string | undefined,
    request: unknown,
    work: () => A | Promise<A>
  ): Promise<unknown> {
    if (token === undefined) return work()
    const name = `${scope} ${token}`
    const digest = createHash("sha256").update(JSON.stringify(request)).digest("hex")
    const known = this.seen.get(name)
    if (known !== undefined && this.clock.now() - known.at < this.keptMs) {
      if (known.digest === digest) return known.answer
      throw invalid("clientToken was used with other parameters", [], "IdempotentParameterMismatchException")
    }
    const answer = await work()
    this.seen.set(name, { digest, answer, at: this.clock.now() })
    return answer
  }
}
