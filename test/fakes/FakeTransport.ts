import { Effect, Layer } from "effect"
import {
  type Command,
  type CommandFailed,
  CommandNotFound,
  type CommandTimedOut,
  type Completed,
  Transport
} from "../../src/services/Transport.js"

type Ran = Command & { readonly timeoutSeconds: number }
export type Answer = (command: Ran) => Effect.Effect<Completed, CommandNotFound | CommandTimedOut | CommandFailed>

/** Something that ended well and said this. */
export const said =
  (stdout: string, stderr = ""): Answer =>
  () =>
    Effect.succeed({ exitCode: 0, stdout, stderr })

/** Something that ended with this code. */
export const exited =
  (exitCode: number, stderr: string): Answer =>
  () =>
    Effect.succeed({ exitCode, stdout: "", stderr })

/** A machine on which nothing runs: it answers as it is told and remembers what it was asked to run. */
export const fakeTransport = () => {
  const seen: Array<Ran> = []
  const script: { answer: Answer } = { answer: said("") }
  const layer = Layer.succeed(Transport, {
    run: (command) =>
      Effect.suspend(() => {
        seen.push(command)
        return script.answer(command)
      }),
    launch: ({ argv: [executable] }) => Effect.fail(new CommandNotFound({ executable }))
  })
  return { seen, script, layer }
}
