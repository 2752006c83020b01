import { layer as fileSystem } from "@effect/platform-node/NodeFileSystem"
import { layer as paths } from "@effect/platform-node/NodePath"
import { runMain } from "@effect/platform-node/NodeRuntime"
import { layer as terminal } from "@effect/platform-node/NodeTerminal"
import { Effect, Exit, Layer } from "effect"
import { fileURLToPath } from "node:url"
import packageJson from "../../package.json" with { type: "json" }
import { type Program, read } from "../cli/CommandLine.js"
import { ExitCode } from "../cli/ExitCode.js"
import { perform } from "../cli/Perform.js"
import { Screen } from "../cli/Screen.js"
import * as IdsRandom from "../drivers/IdsRandom.js"
import * as RedactorHost from "../drivers/RedactorHost.js"
import { Redactor } from "../services/Redactor.js"

const program: Program = {
  version: packageJson.version,
  worker: [process.execPath, fileURLToPath(new URL("./worker.js", import.meta.url))]
}

const redacted = RedactorHost.ofEnvironment(process.env)

const writer = (stream: NodeJS.WriteStream) => (text: string) =>
  Effect.async<void>((resume) => void stream.write(redacted.text(text), () => resume(Effect.void)))

const screen = Layer.succeed(Screen, {
  out: writer(process.stdout),
  err: writer(process.stderr),
  watched: process.stderr.isTTY,
  colour: process.stdout.isTTY && process.stdout.hasColors(),
  ...(process.stdout.isTTY ? { columns: process.stdout.columns } : {})
})

/** The screen of a command that knows what the operator wants hidden. */
const careful = Layer.effect(
  Screen,
  Effect.map(Effect.all([Screen, Redactor]), ([given, redactor]) => ({
    ...given,
    out: (text: string) => given.out(redactor.text(text)),
    err: (text: string) => given.err(redactor.text(text))
  }))
)

/** Loaded only when a command needs it: help and version answer without a database. */
const installation = (config: string | undefined) =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("./Composition.js")),
      ({ layer }) => Layer.provideMerge(careful, layer(config))
    )
  )

const serveEmulator = async (port: number) => {
  const { emulate } = await import("./emulator.js")
  await emulate(port)
  return ExitCode.ok
}

const serveWorker = async () => {
  const { serveTasks } = await import("./serveTasks.js")
  await Effect.runPromise(await serveTasks())
  return ExitCode.ok
}

const serveHttp = async (config: string | undefined, host: string | undefined, port: number | undefined) => {
  const { serve } = await import("./serveHttp.js")
  await serve(config, { host, port })
  return ExitCode.ok
}

const argv = process.argv.slice(2)
const wantsJson = argv.slice(0, argv.includes("--") ? argv.indexOf("--") : argv.length).includes("--json")

const main = Effect.gen(function* () {
  const reading = yield* read(argv, program)
  if ("text" in reading)
    return yield* Effect.as(
      Effect.flatMap(Screen, ({ out }) => out(reading.text)),
      ExitCode.ok
    )
  const { command: invocation } = reading
  if (invocation.kind === "worker") return yield* Effect.promise(serveWorker)
  if (invocation.kind === "emulator") return yield* Effect.promise(() => serveEmulator(invocation.port))
  if (invocation.kind === "server") {
    const { config, host, port } = invocation
    // A signal is the server's own to answer, by leaving in order.
    return yield* Effect.uninterruptible(Effect.promise(() => serveHttp(config, host, port)))
  }
  if (invocation.kind === "move") {
    const { moveStore } = yield* Effect.promise(() => import("./moveStore.js"))
    return yield* moveStore(invocation)
  }
  return yield* invocation.kind === "alone"
    ? invocation.command
    : Effect.provide(invocation.command, installation(invocation.config))
})

// A reader that went away, such as `head`, has what it wanted.
process.stdout.once("error", () => process.exit(141))

perform(main, wantsJson).pipe(
  Effect.provide(Layer.mergeAll(screen, fileSystem, paths, terminal, IdsRandom.layer)),
  runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit) =>
      process.exit(Exit.isSuccess(exit) && typeof exit.value === "number" ? exit.value : ExitCode.cancelled)
  })
)
