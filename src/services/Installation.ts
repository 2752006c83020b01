import { Context } from "effect"

type Argv = readonly [string, ...ReadonlyArray<string>]

/** Where the programs that came with this package are, as argument vectors to put arguments behind. */
export class Installation extends Context.Tag("agentdispatch/Installation")<
  Installation,
  {
    readonly version: string
    /** The process that owns one local task. */
    readonly supervisor: Argv
    /** The reference worker. */
    readonly worker: Argv
    /** Private to this user; holds the database and the local tasks' folders. */
    readonly stateDir: string
  }
>() {}
