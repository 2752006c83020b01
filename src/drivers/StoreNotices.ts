import { Context, type Duration, Effect } from "effect"
import type { TaskId } from "../domain/Task.js"

/** What a database tells of changes that other processes make; one that tells nothing is asked often. */
export class Notices extends Context.Reference<Notices>()("agentdispatch/Notices", {
  defaultValue: (): {
    /** From now on each change of a task rings, for as long as the database is open. */
    readonly ringing: (ring: (id: TaskId) => Effect.Effect<void>) => Effect.Effect<void>
    /** How long to wait before the next look; a notice that is lost costs no more than that. */
    readonly pause: Effect.Effect<Duration.DurationInput>
  } => ({ ringing: () => Effect.void, pause: Effect.succeed("150 millis") })
}) {}
