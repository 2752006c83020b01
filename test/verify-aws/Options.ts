import { parseArgs } from "node:util"
import { Data, Effect } from "effect"
import { planOf, readArn } from "../../adapters/aws-agentcore/Plan.js"
import { checks } from "./Checks.js"
import { type Account, requestOf } from "./Requests.js"

/** The arguments cannot be meant; the text says what to change. */
export class Usage extends Data.TaggedError("Usage")<{ readonly problem: string }> {}

export interface Options {
  /** Absent: nothing is sent, the checks are only told. */
  readonly account?: Account
  /** Empty: every check that is not slow. */
  readonly only: ReadonlyArray<string>
}

const text = { type: "string" } as const
const spec = {
  live: { type: "boolean" },
  "runtime-arn": text,
  region: text,
  profile: text,
  image: text,
  role: text,
  endpoint: text,
  speed: text,
  only: { type: "string", multiple: true }
} as const

/** Reads the arguments; everything that can be found wrong without a call is. */
export const readOptions = Effect.fn("verify.options")(function* (argv: ReadonlyArray<string>) {
  const { values } = yield* Effect.try({
    try: () => parseArgs({ args: [...argv], options: spec }),
    catch: (error) => new Usage({ problem: error instanceof Error ? error.message : String(error) })
  })
  const { only = [], live = false, image, role, endpoint, profile } = values
  const names = checks.map(({ name }) => name)
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined)
    return yield* new Usage({ problem: `There is no check "${unknown}". There are: ${names.join(", ")}.` })
  const runtimeArn = values["runtime-arn"]
  if (!live) {
    const given = Object.keys(values).find((name) => name !== "only")
    if (given !== undefined) return yield* new Usage({ problem: `--${given} means nothing without --live.` })
    const told: Options = { only }
    return told
  }
  if (runtimeArn === undefined) return yield* new Usage({ problem: "--live needs --runtime-arn ARN." })
  if ((image === undefined) !== (role === undefined))
    return yield* new Usage({ problem: "--image and --role go together: a runtime is made from both." })
  const speed = Number(values.speed ?? "1")
  if (!(speed >= 1) || (speed > 1 && endpoint === undefined))
    return yield* new Usage({
      problem:
        "--speed N is how many times faster an emulated service's clock goes: at least 1, and only with --endpoint."
    })
  const account: Account = {
    runtimeArn,
    region: values.region ?? readArn(runtimeArn)?.region ?? "",
    credentialSource: profile === undefined ? "aws-sdk-default" : `profile:${profile}`,
    speed,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(image === undefined || role === undefined ? {} : { made: { image, role } })
  }
  const unmade = checks.find(
    ({ name, needs }) => needs === "image" && account.made === undefined && only.includes(name)
  )
  if (unmade !== undefined)
    return yield* new Usage({ problem: `The check "${unmade.name}" makes a runtime: give --image and --role.` })
  for (const mode of account.made === undefined ? (["session"] as const) : (["session", "runtime"] as const))
    yield* Effect.mapError(planOf(requestOf(account, mode)), ({ message }) => new Usage({ problem: message }))
  const options: Options = { account, only }
  return options
})
