import { randomBytes } from "node:crypto"
import { Clock, Data, Effect, Schedule, type Scope } from "effect"
import { cleanup } from "../../adapters/aws-agentcore/Cleanup.js"
import { clientsOf, type Clients } from "../../adapters/aws-agentcore/Clients.js"
import { ask } from "../../adapters/aws-agentcore/Dialogue.js"
import { type Fault, isPassing } from "../../adapters/aws-agentcore/Faults.js"
import { type Plan, planOf, type Session } from "../../adapters/aws-agentcore/Plan.js"
import { intended, provision } from "../../adapters/aws-agentcore/Provision.js"
import { stopSession } from "../../adapters/aws-agentcore/Stop.js"
import { patiently } from "../../adapters/aws-agentcore/WorkerStart.js"
import type { JsonObject } from "../../src/domain/Json.js"
import type { Resource, Task } from "../../src/domain/Task.js"
import { draft } from "../support/AdapterDrive.js"
import type { Finding } from "./Finding.js"
import { type Account, requestOf } from "./Requests.js"

/** Why a check did not come to its end. */
export class Broken extends Data.TaggedError("Broken")<{ readonly detail: string }> {}

/** A runtime that was made for one check. */
export interface Made {
  readonly task: Task
  readonly plan: Plan
  readonly resources: ReadonlyArray<Resource>
  readonly session: Session
  readonly id: string
}

/** How often and how long a deletion is asked for before it is told as a leak; a round takes up to 20 s. */
const rounds = 60
const wait = "2 seconds"

/** A machine that comes up or goes down can take a while to be stopped. */
const stopAgain = Schedule.spaced(wait).pipe(Schedule.upTo("3 minutes"))
const mayPass = (fault: Fault): boolean => isPassing(fault) || fault.kind === "conflict" || fault.kind === "ambiguous"

export type Bench = Effect.Effect.Success<ReturnType<typeof makeBench>>

/** What one check works with; it writes down what the check sees and how long its sessions are open. */
export const makeBench = Effect.fnUntraced(function* (account: Account, finding: Finding) {
  const plan = yield* broken(planOf(requestOf(account, "session")))
  const clients: Clients = yield* clientsOf(plan.place)

  /** Since when each session may be billed; one that was never asked anything has no machine. */
  const open = new Map<string, number>()
  const used = ({ sessionId }: Session) =>
    Effect.map(Clock.currentTimeMillis, (now) => void open.set(sessionId, open.get(sessionId) ?? now))
  const closed = ({ sessionId }: Session) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      finding.seconds += (now - (open.get(sessionId) ?? now)) / 1000
      open.delete(sessionId)
    })

  const ending = (session: Session) =>
    Effect.suspend(() =>
      open.has(session.sessionId)
        ? stopSession(plan.place, session).pipe(
            Effect.retry({ while: mayPass, schedule: stopAgain }),
            Effect.catchAll(({ detail }) =>
              Effect.sync(() => {
                finding.left.push(`session ${session.sessionId} of ${session.runtimeArn}: ${detail}`)
              })
            ),
            Effect.zipRight(closed(session))
          )
        : Effect.void
    )

  /** Its end is promised before anything is asked of it. */
  const metered = (session: Session): Effect.Effect<Session, never, Scope.Scope> =>
    Effect.as(
      Effect.addFinalizer(() => ending(session)),
      session
    )

  const gone = Effect.fnUntraced(function* ({ task, plan: own, resources }: Omit<Made, "session" | "id">) {
    let left = resources
    for (let round = 0; round < rounds; round++) {
      const cleaned = yield* Effect.either(cleanup(task, own, left))
      if (cleaned._tag === "Right") left = cleaned.right
      if (left.every(({ state }) => state === "gone")) return
      yield* Effect.sleep(wait)
    }
    for (const { kind, ref, state } of left) if (state !== "gone") finding.left.push(`${kind} ${JSON.stringify(ref)}`)
  })

  return {
    ...finding.pen,
    account,
    plan,
    clients,
    leftOver: (what: string) => void finding.left.push(what),
    /** The session is about to have a machine. */
    used,
    /** The session has none for now. */
    closed,
    /** Lets so many of the service's own seconds pass. */
    pass: (seconds: number) => Effect.sleep((seconds * 1000) / account.speed),
    /** The service's clock, in seconds. */
    now: Effect.map(Clock.currentTimeMillis, (now) => (now * account.speed) / 1000),
    /** A session of the given runtime, stopped with the check. */
    session: Effect.suspend(() =>
      metered({
        runtimeArn: account.runtimeArn,
        qualifier: "DEFAULT",
        sessionId: `agentdispatch-verify-${randomBytes(16).toString("hex")}`
      })
    ),
    /** A runtime with one session, both gone with the check. Recorded before it is made, as Drive does. */
    made: Effect.fnUntraced(function* (details: JsonObject) {
      const request = requestOf(account, "runtime", details)
      const own = yield* broken(planOf(request))
      const task = { ...draft(request), createdAt: yield* Clock.currentTimeMillis }
      const resources = intended(task, own)
      let found: Omit<Made, "session" | "id"> | undefined
      yield* Effect.addFinalizer(() =>
        found === undefined
          ? // A request that was under way when the check ended may still have made it.
            gone({ task, plan: own, resources }).pipe(
              Effect.zipRight(Effect.sleep(wait)),
              Effect.zipRight(gone({ task, plan: own, resources }))
            )
          : gone(found)
      )
      const { providerRefs = {}, resources: created = resources } = yield* broken(provision(task, own))
      // The session has a finalizer of its own, which comes first.
      const others = created.map((each): Resource => (each.key === "session" ? { ...each, state: "gone" } : each))
      const ready = { task: { ...task, providerRefs }, plan: own, resources: others }
      found = ready
      const text = (name: string) => String(providerRefs[name] ?? "")
      const session = yield* metered({
        runtimeArn: text("runtimeArn"),
        qualifier: text("qualifier"),
        sessionId: text("sessionId")
      })
      const made: Made = { ...ready, session, id: text("runtimeId") }
      return made
    }),
    /** Which boot of a machine answers in the session; brings one up if there is none. */
    boot: Effect.fnUntraced(function* (session: Session) {
      yield* used(session)
      const reply = yield* broken(patiently(ask(clients.poll, session, { v: 1, op: "hello" }, "150 seconds")))
      if ("worker" in reply) return reply.boot
      return yield* new Broken({ detail: "the runtime does not speak dispatch/1; give one of this product's worker" })
    })
  }
})

/** A failure of the adapter's code, which every check may meet. */
export const broken = <A, R>(
  effect: Effect.Effect<A, Fault | { readonly code: string; readonly message: string }, R>
): Effect.Effect<A, Broken, R> =>
  Effect.mapError(effect, (error) => new Broken({ detail: "detail" in error ? error.detail : error.message }))
