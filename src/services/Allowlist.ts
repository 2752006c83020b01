import { Context, Effect, Layer } from "effect"
import type { Allowlist as Entries } from "../domain/Lane.js"
import type { AllowlistInvalid, LaneSettingInvalid } from "../domain/LaneError.js"

/** What a lane's command is told besides the lane and the task. */
export interface LaneSettings {
  readonly host: string
  readonly maxIterations: number
  /** How long a command may take, in seconds. */
  readonly timeoutSeconds: number
}

/** Which lanes there are, read when it is asked and never remembered. */
export class Allowlist extends Context.Tag("agentdispatch/Allowlist")<
  Allowlist,
  {
    /** Whether somebody set lanes up here at all; fixed at start. */
    readonly configured: boolean
    readonly read: Effect.Effect<Entries, AllowlistInvalid>
    readonly settings: Effect.Effect<LaneSettings, LaneSettingInvalid>
  }
>() {
  static readonly layerMemory = (
    entries: Effect.Effect<Entries, AllowlistInvalid>,
    settings: LaneSettings = { host: "localhost", maxIterations: 50, timeoutSeconds: 60 }
  ) => Layer.succeed(Allowlist, { configured: true, read: entries, settings: Effect.succeed(settings) })
}
