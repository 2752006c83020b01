import { Cause, type Effect, Exit, Option } from "effect"
import type { DispatchError } from "../../src/domain/DispatchError.js"
import { isTerminal } from "../../src/domain/Lifecycle.js"
import { TaskId } from "../../src/domain/Task.js"
import { isOpen } from "../../src/domain/TaskQuestion.js"
import { asking } from "./FarSide.js"
import type { Job } from "./Scenario.js"
import type { Server, Services } from "./Server.js"
import type { Witness } from "./Witness.js"
import type { World } from "./World.js"

/** How long a caller waits before it takes a server for dead, in milliseconds. */
const patience = 30_000

/** Those who dispatch, cancel, answer and read, each through whatever server is there. */
export class Callers {
  /** How many still want something. */
  waiting = 0
  /** Jobs that came too late to be a part of another. */
  readonly refused = new Set<number>()
  private readonly tasks = new Map<number, TaskId>()
  /** What nobody wishes any more, because the job was refused. */
  private readonly dropped = new Map<number, Array<(id: TaskId) => void>>()
  /** What is asked again when something changes. */
  private readonly looking: Array<() => void> = []

  constructor(
    private readonly world: World,
    private readonly witness: Witness,
    private readonly servers: () => ReadonlyArray<Server>
  ) {}

  begin(job: Job): void {
    const { chance } = this.world
    for (let caller = 0; caller < job.callers; caller++)
      this.at(job.spawnAt + chance.while(300), () =>
        job.kin === undefined ? this.spawn(job) : this.known(0, (first) => this.spawn(job, first))
      )
    const later = (millis: number, act: (id: TaskId) => void) =>
      this.at(job.spawnAt + millis, () => this.known(job.number, act))
    if (job.cancelAt !== undefined)
      for (let caller = 0; caller < (job.twice ? 2 : 1); caller++) later(job.cancelAt, (id) => this.cancel(id))
    if (job.answersAt !== undefined && job.asksAfter !== undefined) later(job.answersAt, (id) => this.answer(id))
    if (job.isWatched) later(0, (id) => this.read(id, 0, 2))
  }

  /** Something of a task has changed on disk. */
  noticed(): void {
    for (const number of this.refused) this.acceptLate(number)
    for (const look of this.looking.splice(0)) look()
  }

  /** Another caller, or an earlier call of the one that was refused, may be taken in after that; then the job is done all the same. */
  private acceptLate(number: number): void {
    for (const [id, { task }] of this.witness.kept) {
      if (task.request.input["instruction"] !== `job ${number}`) continue
      this.refused.delete(number)
      this.tasks.set(number, id)
      for (const use of this.dropped.get(number) ?? []) {
        this.waiting++
        use(id)
      }
    }
  }

  /** As soon as the job has a task; never, if it was not taken in. */
  private known(number: number, use: (id: TaskId) => void): void {
    const id = this.tasks.get(number)
    if (id !== undefined) use(id)
    else if (this.refused.has(number)) {
      this.waiting--
      this.dropped.set(number, [...(this.dropped.get(number) ?? []), use])
    } else this.looking.push(() => this.known(number, use))
  }

  private spawn({ isUrgent, kin, number, runSeconds, runtime }: Job, first?: TaskId): void {
    const call = {
      instruction: `job ${number}`,
      runtime,
      terms: { ...(isUrgent ? { priority: 1 } : {}), ...(runSeconds === undefined ? {} : { runSeconds }) }
    }
    const relatives = first === undefined ? {} : kin === "depends on it" ? { dependsOn: [first] } : { parent: first }
    this.ask(
      ({ dispatch }) => dispatch().spawn(call, { idempotencyKey: `key ${number}`, relatives }),
      ({ taskId }) => {
        const given = TaskId.make(taskId)
        this.witness.handed(`key ${number}`, given)
        this.tasks.set(number, given)
        this.noticed()
        return true
      },
      (error) => {
        const isLate = error._tag === "InvalidInput" && error.path === "parent_task_id"
        if (isLate && !this.tasks.has(number)) this.refused.add(number)
        this.noticed()
        return isLate
      }
    )
  }

  private at(millis: number, act: () => void): void {
    this.waiting++
    this.world.after(millis, act)
  }

  private cancel(id: TaskId): void {
    this.ask(
      ({ dispatch }) => dispatch().cancel(id, 20),
      ({ error, status }) => {
        const now = this.witness.kept.get(id)?.task.status ?? "queued"
        this.world.say(() => `  a caller hears: cancel ${status} ${error?.code ?? ""}`)
        if (status === "not_found") this.witness.accuse(5, `the cancel of ${id} is answered that it does not exist`)
        if (status === "cancelled" && now !== "cancelled")
          this.witness.accuse(5, `the cancel of ${id} is answered cancelled, and it is ${now}`)
        if (error?.code === "cancel.unconfirmed") return false
        if (status === "failed" && !isTerminal(now) && now !== "completing")
          this.witness.accuse(5, `the cancel of ${id} is answered ${error?.code ?? "failed"}, and it is ${now}`)
        return true
      }
    )
  }

  /** As soon as it asks, two answer at once and differently. */
  private answer(id: TaskId): void {
    const kept = this.witness.kept.get(id)
    if (kept !== undefined && kept.questions.some(isOpen) && !isTerminal(kept.task.status)) {
      this.waiting++
      for (const answer of ["red", "green"]) {
        this.ask(
          ({ answers }) => answers().answer(id, { [asking]: { action: "accept", content: { answer } } }),
          ({ accepted }) => {
            this.witness.took(id, accepted)
            return true
          }
        )
      }
    } else if (kept !== undefined && (isTerminal(kept.task.status) || kept.questions.length > 0)) this.waiting--
    else this.looking.push(() => this.answer(id))
  }

  private read(id: TaskId, seen: number, times: number): void {
    if (times === 0) return void this.waiting--
    this.ask(
      ({ dispatch }) => dispatch().status(id, { sinceRevision: seen, waitSeconds: 2 }),
      (view) => {
        const revision = "revision" in view ? view.revision : seen
        if (revision < seen) this.witness.accuse(7, `a caller saw revision ${seen} of ${id} and then ${revision}`)
        this.waiting++
        this.read(id, revision, times - 1)
        return true
      }
    )
  }

  /** Asks some server, and another one when it fails or dies, until `content` or the error is an `expected` one. */
  private ask<A>(
    call: (services: Services) => Effect.Effect<A, DispatchError>,
    content: (answer: A) => boolean,
    expected: (error: DispatchError) => boolean = () => false
  ): void {
    const again = () => this.ask(call, content, expected)
    const there = this.servers().flatMap(({ process, services }) =>
      services === undefined ? [] : [{ process, services }]
    )
    const [first, ...others] = there
    if (first === undefined) return void this.world.after(500, again)
    const { process, services } = this.world.chance.pick([first, ...others])
    let open = true
    const close = () => {
      const was = open
      open = false
      return was
    }
    const giveUp = () => {
      if (close()) this.world.after(this.world.chance.below(1_000), again)
    }
    const tired = this.world.after(patience, giveUp)
    const disconnect = process.connect(giveUp)
    process.run(call(services), (exit) => {
      tired()
      disconnect()
      if (!close()) return
      if (Exit.isSuccess(exit)) {
        if (content(exit.value)) this.waiting--
        else this.world.after(this.world.chance.below(3_000), again)
        return
      }
      const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
      if (error?._tag === "StoreFailed" || error?._tag === "TaskChanged" || Cause.isInterrupted(exit.cause))
        this.world.after(this.world.chance.below(3_000), again)
      else if (error !== undefined && expected(error)) this.waiting--
      else this.witness.accuse(0, `a caller was answered ${Cause.pretty(exit.cause)}`)
    })
  }
}
