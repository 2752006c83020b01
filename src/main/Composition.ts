import { Effect, Layer, Logger, LogLevel, Option } from "effect"
import { userInfo } from "node:os"
import { fileURLToPath } from "node:url"
import { specs } from "../../adapters/Registry.generated.js"
import packageJson from "../../package.json" with { type: "json" }
import { Answers } from "../dispatch/Answers.js"
import { Awaiting } from "../dispatch/Awaiting.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import { Drive } from "../dispatch/Drive.js"
import { FollowUp } from "../dispatch/FollowUp.js"
import { Inbox } from "../dispatch/Inbox.js"
import { Preflight } from "../dispatch/Preflight.js"
import { TaskArtifacts } from "../dispatch/TaskArtifacts.js"
import { Watch } from "../dispatch/Watch.js"
import * as AuditLog from "../drivers/AuditLog.js"
import * as IdsRandom from "../drivers/IdsRandom.js"
import * as SchedulerLease from "../drivers/SchedulerLease.js"
import * as SettingsFile from "../drivers/SettingsFile.js"
import * as StoreSql from "../drivers/StoreSql.js"
import * as TransportProcess from "../drivers/TransportProcess.js"
import { Caller } from "../services/Caller.js"
import { Installation } from "../services/Installation.js"
import { Settings } from "../services/Settings.js"
import * as BuiltInAdapters from "./BuiltInAdapters.js"

// The vendor's word about its own future is nothing an operator of this server can act on at each start.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true"

export const version = packageJson.version

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const worker = [process.execPath, beside("./worker.js")] as const

/** Whoever starts this program keeps its state folder; a container's user may have no name. */
const localUser = Option.match(Option.liftThrowable(() => userInfo().username)(), {
  onNone: () => `user:${process.getuid?.() ?? "unknown"}`,
  onSome: (name) => `user:${name}`
})

/** Settings and places of this process, from `--config` or what stands in for it. */
const surroundings = (path: string | undefined) =>
  Layer.unwrapEffect(
    Effect.map(
      SettingsFile.load({ path, specs, worker, environment: process.env, cwd: process.cwd() }),
      ({ settings, stateDir }) =>
        Layer.merge(
          Layer.succeed(Settings, settings),
          Layer.succeed(Installation, {
            version,
            supervisor: [process.execPath, beside("./supervisor.js")],
            worker,
            stateDir
          })
        )
    )
  )

const levels = { debug: LogLevel.Debug, info: LogLevel.Info, warning: LogLevel.Warning, error: LogLevel.Error } as const

/** stdout belongs to the protocol, so every log line goes to stderr; quiet unless AGENTDISPATCH_LOG_LEVEL says otherwise. */
const logging = Layer.merge(
  Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger)),
  Logger.minimumLogLevel(
    Option.getOrElse(
      Option.fromNullable(
        Object.entries(levels).find(([name]) => name === process.env["AGENTDISPATCH_LOG_LEVEL"])?.[1]
      ),
      () => LogLevel.Warning
    )
  )
)

/** The whole installation, ready to be called and to drive tasks. */
export const layer = (configPath: string | undefined) =>
  Layer.mergeAll(
    Answers.layer,
    Awaiting.layer,
    Dispatch.layer,
    Drive.layer,
    FollowUp.layer,
    Inbox.layer,
    Preflight.layer,
    TaskArtifacts.layer
  ).pipe(
    Layer.provideMerge(Watch.layer),
    Layer.provideMerge(SchedulerLease.layer()),
    Layer.provideMerge(BuiltInAdapters.layer),
    Layer.provideMerge(Layer.mergeAll(StoreSql.layer, AuditLog.layer, IdsRandom.layer, TransportProcess.layer)),
    Layer.provideMerge(surroundings(configPath)),
    Layer.provideMerge(Layer.succeed(Caller, { principal: localUser })),
    Layer.provideMerge(logging)
  )
