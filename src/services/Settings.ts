import { Context } from "effect"
import type { Config } from "../domain/Config.js"

/** What the operator decided, read once at start. */
export class Settings extends Context.Tag("agentdispatch/Settings")<
  Settings,
  {
    readonly config: Config
    /** How messages call the place the config came from. */
    readonly source: string
    /** The server's own variables that may answer a backend's needs; no others. */
    readonly environment: Readonly<Record<string, string>>
  }
>() {}
