import { Effect } from "effect"
import { isName } from "../domain/Config.js"
import { Ids } from "../services/Ids.js"
import { ExitCode } from "./ExitCode.js"
import { UsageInvalid } from "./Refusal.js"
import { Screen } from "./Screen.js"

/** Makes a token and shows it this once; the config keeps its hash, from which nobody gets it back. */
export const newToken = Effect.fn("cli.token")(function* (name: string, json: boolean) {
  if (!isName(name))
    return yield* new UsageInvalid({
      problem: `"${name.slice(0, 60)}" is no valid name: begin with a letter or digit, then letters, digits, '.', '_' and '-', 128 at most`
    })
  const ids = yield* Ids
  const screen = yield* Screen
  const token = `adt_${yield* ids.token}`
  const http = { tokens: { [name]: { sha256: yield* ids.digest(token) } } }
  yield* json
    ? screen.out(`${JSON.stringify({ token, http })}\n`)
    : Effect.zipRight(
        screen.out(`${token}\n`),
        screen.err(
          `This is the only time it is shown. Give it to ${name} alone, who sends it as "Authorization: Bearer TOKEN".\nAdd this to the config, then start the server again:\n  "http": ${JSON.stringify(http)}\n`
        )
      )
  return ExitCode.ok
})
