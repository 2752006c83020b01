import type { FileSystem, Path } from "@effect/platform"
import type { Effect } from "effect"
import type { Answers } from "../dispatch/Answers.js"
import type { Dispatch } from "../dispatch/Dispatch.js"
import type { Drive } from "../dispatch/Drive.js"
import type { Explain } from "../dispatch/Explain.js"
import type { FollowUp } from "../dispatch/FollowUp.js"
import type { Preflight } from "../dispatch/Preflight.js"
import type { Sweeper } from "../dispatch/Sweeper.js"
import type { Adapters } from "../services/Adapter.js"
import type { AuditTrail } from "../services/AuditTrail.js"
import type { Scheduler } from "../services/Scheduler.js"
import type { Settings } from "../services/Settings.js"
import type { Ids } from "../services/Ids.js"
import type { Store } from "../services/Store.js"
import type { ExitCode } from "./ExitCode.js"
import type { Refusal } from "./Refusal.js"
import type { Screen } from "./Screen.js"

/** What commands are made of; every command is a process with all of it, as a server is. */
export type Core =
  | Adapters
  | Answers
  | AuditTrail
  | Dispatch
  | Drive
  | Explain
  | FileSystem.FileSystem
  | FollowUp
  | Preflight
  | Scheduler
  | Settings
  | Store
  | Sweeper

export type Command<R> = Effect.Effect<ExitCode, Refusal, R | Screen>

interface Choices {
  /** The config file, if one was named. */
  readonly config: string | undefined
  readonly json: boolean
}

/** Where the tasks of a state folder shall go. */
export interface Move {
  /** The URL of a PostgreSQL database, if one was named. */
  readonly url: string | undefined
  readonly dryRun: boolean
  readonly running: boolean
}

/** A command line that was understood. */
export type Invocation =
  | (Choices & { readonly kind: "installed"; readonly command: Command<Core> })
  /** Needs no config and opens no state folder. */
  | (Choices & { readonly kind: "alone"; readonly command: Command<FileSystem.FileSystem | Ids | Path.Path> })
  /** A program of its own, which runs until it is told to stop. */
  | (Choices & { readonly kind: "worker" })
  | (Choices & { readonly kind: "server"; readonly host: string | undefined; readonly port: number | undefined })
  | (Choices & Move & { readonly kind: "move" })
  | (Choices & { readonly kind: "emulator"; readonly port: number })
