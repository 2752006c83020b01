import type { Effect } from "effect"
import type { Task } from "../../src/domain/Task.js"
import type { AdapterFailure, CancelProgress, Observation, Progress } from "../../src/services/Adapter.js"
import { type Fault, failureOf } from "./Faults.js"
import type { Plan, Session } from "./Plan.js"

/** A task with what this adapter reads out of it. */
export interface Work {
  readonly task: Task
  readonly plan: Plan
  readonly session: Session
  /** The task's own folder here, for what its session cannot keep. */
  readonly folder: string
}

export type Probed = "has it" | "never got it" | "cannot say"

/** One way of speaking to the far side. */
export interface Mode {
  readonly start: (work: Work) => Effect.Effect<Progress, AdapterFailure>
  readonly probe: (work: Work) => Effect.Effect<Probed, AdapterFailure>
  readonly observe: (work: Work) => Effect.Effect<Observation, AdapterFailure>
  readonly finish: (work: Work) => Effect.Effect<void, AdapterFailure>
  /** Asks the work itself to stop; the session is ended after any answer but `finished`. */
  readonly cancel: (
    work: Work
  ) => Effect.Effect<Exclude<CancelProgress, { readonly state: "stopping" }>, AdapterFailure>
}

export const failing =
  ({ plan, session }: Work, permission = "InvokeAgentRuntime") =>
  (fault: Fault): AdapterFailure =>
    failureOf(fault, { place: plan.place, permission, resource: session.runtimeArn })
