import { assert } from "@effect/vitest"
import { Effect, Ref, Schema, type Scope } from "effect"
import { resourceNameOf } from "../../adapters/aws-agentcore/Plan.js"
import { TaskError } from "../../src/domain/Task.js"
import type { NewFault } from "../emulators/agentcore/Faults.js"
import type { Invocation } from "../emulators/agentcore/Ledger.js"
import { alive } from "./AgentCoreBench.js"
import { held, type Moment, newScene, type Scene, type Work } from "./AgentCoreScene.js"
import { emulator, sessionIdOf } from "./AgentCoreWork.js"
import { sight } from "./CrashScene.js"
import { tally } from "./CrashVerdict.js"
import { callOf, type RawServer } from "./RawServer.js"
import { eventually, processesNaming } from "./Server.js"
import { isOver, note, type Row } from "./TaskRows.js"
import * as Bench from "./Workbench.js"

/** A dispatcher that is killed at one step of a task's life, and how the task must end under the next one. */
export interface Killing {
  readonly name: string
  readonly work: Work
  /** Calls of the server to be killed that are held where they are. */
  readonly faults?: ReadonlyArray<NewFault>
  /** When the task's cancel is asked for, if it is. */
  readonly cancelled?: Moment
  readonly seen: Moment
  /** What the dead server must have left in the database. */
  readonly left?: Moment
  /** The step lasts for an instant only, so it is looked for without a pause. */
  readonly brief?: true
  /** The statuses, or the codes of failures, in which each task may end. */
  readonly ends: ReadonlyArray<string>
  /** How many tasks are dispatched at once; one if absent. */
  readonly together?: number
}

/** A call that is never answered: not done, in the container, or done. */
export const hang = (op: string, when: "before" | "sent" | "after", method?: string): NewFault => ({
  op,
  kind: "hang",
  when,
  ...(method === undefined ? {} : { match: { method } })
})

/** The dispatcher is killed while one of its calls is held. */
export const during = (
  name: string,
  fault: NewFault,
  rest: Pick<Killing, "work" | "ends"> & Partial<Killing>
): Killing => ({ name, faults: [fault], seen: held(fault), ...rest })

/** How often a step may be missed. */
const attempts = 8

/** Kills a server at the step, lets the next one finish, and judges what became of every task. */
export const survived = (killing: Killing): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const here = yield* newScene
    const accepted = yield* Ref.make<ReadonlyArray<string>>([])
    let landed = false
    for (let attempt = 0; attempt < attempts && !landed; attempt++) {
      const server = yield* here.server(killing.faults)
      const reached = yield* Effect.raceFirst(
        Effect.zipRight(dispatched(here, server, killing, accepted), look(killing, killing.seen(here))),
        missed(here, killing)
      )
      yield* server.signal("SIGKILL")
      yield* server.ended
      landed = reached !== "missed" && (killing.left === undefined || (yield* killing.left(here)) !== undefined)
    }
    assert.isTrue(landed, `${attempts} kills were all too late`)
    const next = yield* here.server()
    // Work that may end would have finished before its cancel.
    if (killing.cancelled === undefined) Bench.allow(here.at)
    const judged = yield* verdict(here, next, yield* Ref.get(accepted))
    yield* note(`killed when ${killing.name}: ${tally(judged)}`)
    for (const { code, id, status } of judged) assert.include(killing.ends, code ?? status, id)
  })

const look = <A>({ brief }: Killing, moment: Effect.Effect<A>) => (brief === true ? sight(moment) : eventually(moment))

/** Dispatches, without waiting for the answers, and asks for the cancel in time. */
const dispatched = (
  here: Scene,
  server: RawServer,
  killing: Killing,
  accepted: Ref.Ref<ReadonlyArray<string>>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const call = callOf(server)
    const { together = 1, work, cancelled } = killing
    const ask = Effect.flatMap(
      Effect.suspend(() => Bench.dispatched(call, work(here))),
      (id) => Ref.update(accepted, (ids) => [...ids, id])
    )
    yield* Effect.forkScoped(Effect.replicateEffect(ask, together, { concurrency: together }))
    if (cancelled === undefined) return
    yield* look(killing, cancelled(here))
    const newest = (yield* here.rows().tasks).at(-1)
    yield* Effect.forkScoped(call("cancel_task", { task_id: newest?.id ?? "" }))
  })

/** All that was dispatched is over, so the step will not come any more. */
const missed = (here: Scene, { together = 1 }: Killing) =>
  Effect.flatMap(here.rows().tasks, (before) =>
    eventually(
      Effect.map(here.rows().tasks, (tasks) =>
        tasks.length >= before.length + together && tasks.every(isOver) ? ("missed" as const) : undefined
      )
    )
  )

/** Waits for the end of all tasks, then looks into the database, both ledgers and the process table. */
export const verdict = (here: Scene, server: RawServer, accepted: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const tasks = yield* allOver(here)
    const ids = tasks.map(({ id }) => id)
    for (const id of accepted) assert.include(ids, id, "an accepted task is not there")
    const judged = yield* Effect.forEach(tasks, (task) => judge(here, server, task))
    for (const lines of here.signs())
      assert.isAtMost(lines.filter((line) => line !== "end").length, 1, `the work began twice: ${lines.join(" ")}`)
    const begun = here.signs().filter((lines) => lines.length > 0).length
    assert.isAtLeast(begun, judged.filter(({ status }) => status === "succeeded").length)
    assert.isAtMost(
      begun,
      judged.reduce((sum, { deliveries }) => sum + deliveries, 0)
    )
    nothingIsLeft(here, ids)
    yield* eventually(
      Effect.sync(() => (processesNaming(here.at.folder).every((pid) => pid === server.pid) ? true : undefined))
    ).pipe(
      Effect.timeout("15 seconds"),
      Effect.catchAll(() => Effect.dieMessage(`alive: ${processesNaming(here.at.folder).join(", ")}`))
    )
    assert.deepStrictEqual(yield* here.rows().integrity, [{ integrity_check: "ok" }])
    return judged
  })

const allOver = (here: Scene): Effect.Effect<ReadonlyArray<Row>> => {
  const { tasks: rows } = here.rows()
  return eventually(Effect.map(rows, (tasks) => (tasks.length > 0 && tasks.every(isOver) ? tasks : undefined))).pipe(
    Effect.timeoutOption("90 seconds"),
    Effect.flatMap((over) =>
      over._tag === "Some"
        ? Effect.succeed(over.value)
        : Effect.flatMap(rows, (tasks) =>
            Effect.dieMessage(`not over: ${JSON.stringify(tasks)}; asked: ${JSON.stringify(here.calls().slice(-12))}`)
          )
    )
  )
}

/** What is running for the scene's tasks and what was made for them: nothing, once they are settled. */
const nothingIsLeft = (here: Scene, ids: ReadonlyArray<string>): void => {
  const sessions = new Set([...ids.map(sessionIdOf), ...here.calls().map(({ sessionId }) => sessionId)])
  const bills = emulator.ledgers.billing().filter(({ sessionId }) => sessions.has(sessionId))
  assert.deepStrictEqual(
    bills.filter(({ live }) => live),
    [],
    "a session is still being paid for"
  )
  for (const { pid } of bills) assert.isFalse(pid !== undefined && alive(pid), `worker ${String(pid)} is alive`)
  const names = new Set(ids.map(resourceNameOf))
  assert.deepStrictEqual(
    emulator.control.runtimes().flatMap(({ name }) => (names.has(name) ? [name] : [])),
    [],
    "a runtime is left"
  )
}

const judge = (here: Scene, server: RawServer, task: Row) =>
  Effect.gen(function* () {
    const { id, status } = task
    const code = task.error === null ? undefined : decodeError(task.error).code
    const carried = here.calls().filter((call) => call.sessionId === sessionIdOf(id) && isWork(call))
    const told = `${id} ${status} ${code ?? ""} ${JSON.stringify(carried)}`
    // The SDK's own retry would be a second run that nobody decided.
    for (const call of carried) assert.strictEqual(call.attempt, 1, told)
    const taken = carried.filter(isTaken)
    const deliveries = taken.reduce((sum, call) => sum + call.deliveries, 0)
    assert.isAtMost(deliveries, 1, told)
    const result = Bench.resultOf(yield* callOf(server)("get_task_result", { task_id: id }))
    if (status === "succeeded") {
      assert.strictEqual(deliveries, 1, told)
      assert.isDefined(result.result, told)
    }
    const events = yield* here.rows().events(id)
    assert.deepStrictEqual(
      events.map(({ number }) => number),
      events.map((_, index) => index + 1),
      told
    )
    assert.deepStrictEqual(
      events.filter(({ type }) => final.has(type)).map(({ type }) => type),
      [`task.${status}`],
      told
    )
    return { id, status, code, deliveries }
  })

const decodeError = Schema.decodeUnknownSync(Schema.parseJson(TaskError))

const final: ReadonlySet<string> = new Set(["task.succeeded", "task.failed", "task.cancelled"])

/** Whether the call brings work: a start of our worker, a message to an agent, a prompt or a command. */
const isWork = ({ op, method }: Invocation): boolean =>
  op === "InvokeAgentRuntimeCommand" ||
  (op === "InvokeAgentRuntime" &&
    (method === undefined || method === "start" || method === "message/send" || method === "SendMessage"))

/** Whether the container may have begun by it; our worker says of a start that it has already, or refuses it. */
const isTaken = ({ delivered, reply = "" }: Invocation): boolean =>
  delivered && !reply.includes('"fresh":false') && !reply.includes('"refused"')
