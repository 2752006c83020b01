import type { Effect, Layer } from "effect"
import type { RoutedRequest } from "../../src/domain/Task.js"
import type { Adapter } from "../../src/services/Adapter.js"

/** What an adapter brings to its contract run: itself against a real or emulated far side, and work to do there. */
export interface AdapterFixture {
  readonly layer: Layer.Layer<Adapter>
  readonly requests: {
    /** Ends well within a few seconds, with some log text, a `task.progress` event and a result. */
    readonly succeeds: Effect.Effect<RoutedRequest>
    /** Ends as failed by its own fault. */
    readonly fails: Effect.Effect<RoutedRequest>
    /** Runs until it is cancelled. */
    readonly endless: Effect.Effect<RoutedRequest>
  }
  /** How often the work of this task has really begun at the far side (a side-effect ledger, not the adapter's word). */
  readonly runs: (taskId: string) => Effect.Effect<number>
  /** Whether anything of this task still runs at the far side, found without the adapter. */
  readonly alive: (taskId: string) => Effect.Effect<boolean>
}
