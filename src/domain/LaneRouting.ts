import { Either } from "effect"
import type { Config } from "./Config.js"
import type { DispatchError } from "./DispatchError.js"
import { defined, type JsonObject } from "./Json.js"
import { type Allowlist, resolve, taskText } from "./Lane.js"
import { LaneSettingInvalid } from "./LaneError.js"
import { templatesOf, workOf } from "./LaneWork.js"
import { findSpec, type World } from "./RoutingBackend.js"
import { finish } from "./RoutingChecks.js"
import { mergeDetails } from "./RoutingDetails.js"
import type { RoutedRequest } from "./Task.js"

/** A unit of work as a caller asks for it. */
export interface UnitCall {
  readonly orguser: string
  readonly repo: string
  readonly task: string
}

/** What is known of the lanes at the moment of the call. */
export interface Lanes {
  readonly allowlist: Allowlist
  readonly host: string
  readonly maxIterations: number
  readonly timeoutSeconds: number
}

export const laneAdapter = "github-lane"
const provider = "lane"

/** A unit as a routed request: where it goes is the allowlist's word, how it goes the config's, never the caller's. */
export const routeUnit = (
  { config, secretIn, specs }: Pick<World, "config" | "secretIn" | "specs">,
  { allowlist, ...settings }: Lanes,
  call: UnitCall
): Either.Either<RoutedRequest, DispatchError> =>
  Either.gen(function* () {
    const lane = yield* resolve(allowlist, call.orguser, call.repo)
    const spec = yield* findSpec(specs, laneAdapter)
    const details = yield* mergeDetails(spec, [ofConfig(config), { ...settings }, { ...lane }], {})
    const work = yield* Either.mapLeft(
      workOf(details),
      ({ path, problem }) => new LaneSettingInvalid({ setting: path.replace(/^details/, "lanes"), problem })
    )
    const task = yield* taskText(call.task, templatesOf(work))
    return yield* finish(
      {
        provider,
        accountProfile: provider,
        account: { provider, credentialSource: "runtime-user" },
        capability: spec.capability,
        backend: laneAdapter,
        adapter: laneAdapter,
        taskType: "agent.run",
        target: { mode: "session" },
        details,
        input: { orguser: lane.orguser, repo: lane.repo, task }
      },
      [["task_description", task]],
      secretIn
    )
  })

const ofConfig = ({ lanes = {} }: Config): JsonObject => {
  const { cancel, command, cwd, env, ssh, status } = lanes
  return defined({
    cancel,
    command,
    cwd,
    env,
    status,
    ssh: ssh === undefined ? undefined : defined({ ...ssh, options: ssh.options && defined({ ...ssh.options }) })
  })
}
