import { Context } from "effect"

/** On whose behalf a call is made. */
export interface Identity {
  /** `user:NAME` for the operating system's user over stdio and on the command line, `principal:NAME` for one that authenticated. */
  readonly principal: string
  /** The MCP client, as it calls itself. */
  readonly client?: { readonly name: string; readonly version: string }
}

/** The operating system's user, who keeps the state folder; everybody else authenticated. */
export const isLocal = (principal: string): boolean => principal.startsWith("user:")

/** Who is calling; an edge says so for each call. */
export class Caller extends Context.Reference<Caller>()("agentdispatch/Caller", {
  defaultValue: (): Identity => ({ principal: "user:unknown" })
}) {}
