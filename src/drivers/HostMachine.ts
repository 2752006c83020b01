import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { Effect, Layer, Option } from "effect"
import { Host } from "../services/Host.js"
import { Installation } from "../services/Installation.js"
import { Settings } from "../services/Settings.js"

/** What a machine is called, above what it calls itself. */
const variable = "AGENTDISPATCH_HOST"

/**
 * The machine and its state folder, for that is where local work is found again; the same after a restart. A SQLite
 * file has one machine, so that a container with a new name each time finds its tasks.
 */
export const layer = (environment: Readonly<Record<string, string | undefined>>) =>
  Layer.effect(
    Host,
    Effect.gen(function* () {
      const { stateDir } = yield* Installation
      const { config } = yield* Settings
      if (config.store?.kind !== "postgres") return { name: undefined }
      const given = environment[variable]?.trim() ?? ""
      const machine = given === "" ? digest(machineId()) : given
      return { name: `${machine}:${digest(stateDir)}` }
    })
  )

/** The id of the installed system, which is not to be told as it is; a system without one has its name. */
const machineId = (): string =>
  Option.liftThrowable(() => readFileSync("/etc/machine-id", "utf8").trim())().pipe(
    Option.filter((id) => id !== "" && id !== "uninitialized"),
    Option.getOrElse(hostname)
  )

const digest = (text: string): string => createHash("sha256").update(`agentdispatch ${text}`).digest("hex").slice(0, 12)
