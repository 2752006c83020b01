import { Effect } from "effect"
import { verdicts } from "./Lab.js"
import { markdown, note } from "./Table.js"

const found = await Effect.runPromise(verdicts)
process.stdout.write(`${markdown(found)}\n\n${note}\n`)
for (const { failed, profile } of found)
  for (const [check, seen] of Object.entries(failed)) process.stderr.write(`\n${profile.client}, ${check}: ${seen}\n`)
if (found.some(({ failed }) => Object.keys(failed).length > 0)) process.exitCode = 1
