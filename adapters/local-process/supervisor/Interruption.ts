import { existsSync } from "node:fs"
import { join } from "node:path"
import { files, type Reason } from "./Records.js"

export interface Interruption {
  /** Resolves, with nothing, at the first reason to end the child. */
  readonly happened: Promise<undefined>
  readonly because: (reason: Reason) => void
  readonly failed: (error: unknown) => void
  readonly reason: () => Reason | undefined
  readonly failure: () => Error | undefined
  /** Looks for a wish to cancel. */
  readonly look: () => void
}

/** The first reason to end the child is the one that counts. */
export const interruptible = (folder: string): Interruption => {
  let reason: Reason | undefined
  let failure: Error | undefined
  let happen: (nothing: undefined) => void = () => undefined
  const happened = new Promise<undefined>((resolve) => (happen = resolve))
  const because = (wish: Reason) => {
    reason ??= wish
    happen(undefined)
  }
  const failed = (error: unknown) => {
    failure ??= error instanceof Error ? error : new Error(String(error))
    because("supervisor_failed")
  }
  const look = () => {
    if (existsSync(join(folder, files.cancel))) because("cancelled")
  }
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      look()
      because("terminated")
    })
  }
  process.on("SIGHUP", () => undefined)
  process.on("uncaughtException", failed)
  return { happened, because, failed, look, reason: () => reason, failure: () => failure }
}
