import { FileSystem, Path } from "@effect/platform"
import { Effect } from "effect"
import { builtIn } from "../domain/BuiltIn.js"
import { ExitCode } from "./ExitCode.js"
import { ConfigNotWritten } from "./Refusal.js"
import { Screen } from "./Screen.js"

export const configName = "agentdispatch.config.json"

/** Writes the built-in local profiles into the current folder as a config to go on from; never over a file that is there. */
export const init = Effect.fn("cli.init")(function* (worker: ReadonlyArray<string>, json: boolean) {
  const files = yield* FileSystem.FileSystem
  const screen = yield* Screen
  const path = (yield* Path.Path).resolve(configName)
  const config = builtIn({ worker, agents: [], cwd: "." })
  yield* Effect.mapError(
    files.writeFileString(path, `${JSON.stringify(config, null, 2)}\n`, { flag: "wx" }),
    (error) =>
      new ConfigNotWritten({
        path,
        problem:
          error._tag === "SystemError" && error.reason === "AlreadyExists"
            ? "is there already and was left as it is. Edit it, or move it away and try again."
            : `cannot be written: ${error.message}`
      })
  )
  yield* json
    ? screen.out(`${JSON.stringify({ path })}\n`)
    : Effect.zipRight(
        screen.out(`${path}\n`),
        screen.err(
          `Check it with: agentdispatch doctor --config ${configName}\nTry it with: agentdispatch run --config ${configName} --runtime echo --wait "hello"\n`
        )
      )
  return ExitCode.ok
})
