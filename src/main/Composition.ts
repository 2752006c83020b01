import { Context, Effect, FiberRef, FiberRefs, Layer, Logger, LogLevel, Option } from "effect"
import { userInfo } from "node:os"
import { fileURLToPath } from "node:url"
import { specs } from "../../adapters/Registry.generated.js"
import packageJson from "../../package.json" with { type: "json" }
import { Answers } from "../dispatch/Answers.js"
import { Awaiting } from "../dispatch/Awaiting.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import { Drive } from "../dispatch/Drive.js"
import { Explain } from "../dispatch/Explain.js"
import { Fanout } from "../dispatch/Fanout.js"
import { FollowUp } from "../dispatch/FollowUp.js"
import { Inbox } from "../dispatch/Inbox.js"
import { Lanes } from "../dispatch/Lanes.js"
import { Preflight } from "../dispatch/Preflight.js"
import * as RedactedStore from "../dispatch/RedactedStore.js"
import { Sweeper } from "../dispatch/Sweeper.js"
import { TaskArtifacts } from "../dispatch/TaskArtifacts.js"
import { Watch } from "../dispatch/Watch.js"
import * as AllowlistFile from "../drivers/AllowlistFile.js"
import * as ArchiveFolder from "../drivers/ArchiveFolder.js"
import * as AuditLog from "../drivers/AuditLog.js"
import * as HostMachine from "../drivers/HostMachine.js"
import * as IdsRandom from "../drivers/IdsRandom.js"
import * as RedactorHost from "../drivers/RedactorHost.js"
import * as SettingsFile from "../drivers/SettingsFile.js"
import * as TransportProcess from "../drivers/TransportProcess.js"
import { Caller } from "../services/Caller.js"
import { Installation } from "../services/Installation.js"
import { Redactor } from "../services/Redactor.js"
import { Settings } from "../services/Settings.js"
import * as BuiltInAdapters from "./BuiltInAdapters.js"
import * as ChosenScheduler from "./ChosenScheduler.js"
import * as ChosenStore from "./ChosenStore.js"

// The vendor's word about its own future is nothing an operator of this server can act on at each start.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true"

export const version = packageJson.version

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const worker = [process.execPath, beside("./worker.js")] as const

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

/** Whoever started this process; a user id without a name is its own name. */
const caller = Layer.effect(
  Caller,
  Effect.try(() => userInfo().username).pipe(
    Effect.orElseSucceed(() => String(process.getuid?.() ?? "unknown")),
    Effect.map((name) => ({ principal: `user:${name}` }))
  )
)

const levels = { debug: LogLevel.Debug, info: LogLevel.Info, warning: LogLevel.Warning, error: LogLevel.Error } as const

/** What is logged before there are settings loses the secrets of the environment, and everything else those of the config too. */
const redacted = RedactorHost.ofEnvironment(process.env)
const logger = Logger.make((options) => {
  const redactor = Context.get(FiberRefs.getOrDefault(options.context, FiberRef.currentContext), Redactor)
  return redactor.text(redacted.text(Logger.logfmtLogger.log(options)))
})

/** stdout belongs to the protocol, so every log line goes to stderr; quiet unless AGENTDISPATCH_LOG_LEVEL says otherwise. */
const logging = Layer.merge(
  Logger.replace(Logger.defaultLogger, Logger.withConsoleError(logger)),
  Logger.minimumLogLevel(
    Option.getOrElse(
      Option.fromNullable(
        Object.entries(levels).find(([name]) => name === process.env["AGENTDISPATCH_LOG_LEVEL"])?.[1]
      ),
      () => LogLevel.Warning
    )
  )
)

const store = RedactedStore.layer.pipe(Layer.provide(ChosenStore.layer))

/** The whole installation, ready to be called and to drive tasks; `stays` says of a process that nobody waits for its end. */
export const layer = (configPath: string | undefined, stays = false) =>
  Layer.mergeAll(
    Answers.layer,
    Awaiting.layer,
    Dispatch.layer,
    Drive.layer,
    Explain.layer,
    Fanout.layer,
    FollowUp.layer,
    Inbox.layer,
    Preflight.layer,
    Sweeper.layer(),
    TaskArtifacts.layer
  ).pipe(
    Layer.provideMerge(Watch.layer),
    // What explains a dispatch asks the lanes where it would go.
    Layer.provideMerge(Lanes.layer),
    Layer.provideMerge(ChosenScheduler.layer(stays)),
    Layer.provideMerge(BuiltInAdapters.layer),
    Layer.provideMerge(
      Layer.mergeAll(
        store,
        ArchiveFolder.layer,
        AuditLog.layer,
        IdsRandom.layer,
        TransportProcess.layer,
        AllowlistFile.layer
      )
    ),
    Layer.provideMerge(Layer.merge(HostMachine.layer(process.env), RedactorHost.layer(process.env))),
    Layer.provideMerge(Layer.merge(surroundings(configPath), caller)),
    Layer.provideMerge(logging)
  )
