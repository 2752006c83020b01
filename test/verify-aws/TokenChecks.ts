import { randomBytes, randomUUID } from "node:crypto"
import { Effect } from "effect"
import { removeRuntime } from "../../adapters/aws-agentcore/Cleanup.js"
import { controlOf, controlSdk } from "../../adapters/aws-agentcore/Clients.js"
import { planOf } from "../../adapters/aws-agentcore/Plan.js"
import { findRuntime, runtimeStatus } from "../../adapters/aws-agentcore/Runtimes.js"
import { answered } from "./Answered.js"
import { type Bench, broken } from "./Bench.js"
import { invalid, stop, stopped } from "./Calls.js"
import type { Check } from "./Check.js"
import { requestOf } from "./Requests.js"

const conflict = "409 ConflictException"
const accepted = "202"

/** Deletes what has this name until nothing has; a request that was under way may still have made it. */
const sweep = (bench: Bench, name: string) =>
  Effect.gen(function* () {
    const plan = yield* planOf(requestOf(bench.account, "runtime"))
    for (let found = yield* findRuntime(plan.place, name); found !== undefined;) {
      yield* removeRuntime(plan, found.id)
      found = yield* findRuntime(plan.place, name)
    }
  }).pipe(
    Effect.retry({ times: 5 }),
    Effect.catchAll((error) => Effect.sync(() => bench.leftOver(`runtime ${name}: ${String(error)}`)))
  )

const createToken: Check = {
  name: "create-token",
  shows: "what Create makes of a token that was used: with the same request, with another one, and after a deletion",
  calls:
    "CreateAgentRuntime 5 times under one name, GetAgentRuntime, ListAgentRuntimes, DeleteAgentRuntime 1 or 2 times",
  sessionSeconds: 0,
  takes: "1 to 5 min",
  needs: "image",
  run: (bench) =>
    Effect.gen(function* () {
      const { place } = bench.plan
      const plan = yield* broken(planOf(requestOf(bench.account, "runtime")))
      const control = yield* controlOf(place)
      const { CreateAgentRuntimeCommand } = yield* controlSdk
      const name = `adp_verify_${randomBytes(6).toString("hex")}`
      const token = randomUUID()
      const create = (clientToken: string, description: string) => {
        const command = new CreateAgentRuntimeCommand({
          agentRuntimeName: name,
          description,
          clientToken,
          roleArn: plan.details.executionRoleArn ?? "",
          networkConfiguration: { networkMode: "PUBLIC" },
          agentRuntimeArtifact: { containerConfiguration: { containerUri: plan.details.ecrImageUri ?? "" } }
        })
        return answered((options) => control.send(command, options))
      }
      yield* Effect.addFinalizer(() =>
        Effect.zipRight(sweep(bench, name), Effect.zipRight(Effect.sleep("2 seconds"), sweep(bench, name)))
      )
      const first = yield* create(token, "first")
      bench.same("Create under a new token", accepted, first.words)
      const id = first.value?.agentRuntimeId ?? ""
      const again = yield* create(token, "first")
      bench.same("the same again", `${accepted} ${id}`, `${again.words} ${again.value?.agentRuntimeId ?? ""}`.trim())
      bench.same("another request under its token", invalid, (yield* create(token, "second")).words)
      bench.same("its name under another token", conflict, (yield* create(randomUUID(), "first")).words)
      let status: string | undefined
      do {
        yield* bench.pass(1)
        status = (yield* broken(runtimeStatus(place, id)))?.status
      } while (status === "CREATING")
      bench.same("what was made", "READY", status ?? "nothing")
      yield* Effect.repeat(broken(removeRuntime(plan, id)), { until: (removed) => removed !== undefined })
      const after = yield* create(token, "first")
      const made = after.value?.agentRuntimeId
      bench.told(
        "the first request again once its runtime is gone",
        `${after.words}${made === undefined ? "" : made === id ? ", the deleted one's id" : ", another runtime"}`
      )
    })
}

/** When a used token is tried again, in seconds after its first use. */
const tries = [600, 3_600, 4 * 3_600, 8 * 3_600, 25 * 3_600]

const tokenRetention: Check = {
  name: "token-retention",
  shows: "how long a client token is remembered",
  calls: "InvokeAgentRuntime (hello), StopRuntimeSession up to 6 times with one client token",
  sessionSeconds: 10,
  takes: "25 h, for which no session is open",
  needs: "runtime",
  slow: true,
  run: (bench) =>
    Effect.gen(function* () {
      const session = yield* bench.session
      const token = randomUUID()
      yield* bench.boot(session)
      bench.same("Stop under a new token", stopped, (yield* stop(bench, session, token)).words)
      yield* bench.closed(session)
      const began = yield* bench.now
      for (const seconds of tries) {
        yield* bench.pass(Math.max(0, began + seconds - (yield* bench.now)))
        const { words } = yield* stop(bench, session, token)
        bench.told(`the same ${seconds} s later`, words === stopped ? `${words}: remembered` : `${words}: forgotten`)
        if (words !== stopped) return
      }
    })
}

export const tokenChecks: ReadonlyArray<Check> = [createToken, tokenRetention]
