import { Context, Effect } from "effect"

/** Completes when the edge is about to go: whoever waits for a change answers with what is known by then. */
export class Leaving extends Context.Reference<Leaving>()("agentdispatch/Leaving", {
  defaultValue: (): Effect.Effect<void> => Effect.never
}) {}
