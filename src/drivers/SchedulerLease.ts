import { Layer } from "effect"
import { Scheduler } from "../services/Scheduler.js"
import { defaults, type LoopOptions, makeLoop } from "./SchedulerLoop.js"

export type LeaseOptions = LoopOptions

/** Ownership by a lease in the same database alone: whoever comes first takes a task. */
export const layer = (options: LeaseOptions = defaults) => Layer.scoped(Scheduler, makeLoop(options))
