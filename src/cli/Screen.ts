import { Context, type Effect } from "effect"

/** Where a command's words go: results to `out`, everything about them to `err`. */
export class Screen extends Context.Tag("agentdispatch/Screen")<
  Screen,
  {
    /** Writes as it is, and completes when it is written. */
    readonly out: (text: string) => Effect.Effect<void>
    readonly err: (text: string) => Effect.Effect<void>
    /** A person watches `err` while the command runs. */
    readonly watched: boolean
    /** `out` shows colours and somebody wants them. */
    readonly colour: boolean
    /** How many characters fit on a line of `out`; absent when it is no terminal. */
    readonly columns?: number | undefined
  }
>() {}
