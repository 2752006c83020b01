import { appendFile, readFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { defined, encodeText } from "../../src/domain/Json.js"
import type { Answered } from "../../src/services/Adapter.js"
import { FolderFailed } from "./Spec.generated.js"
import { files } from "./supervisor/Records.js"

/** Leaves the answer for the supervisor, which passes each line on once; the same answer again is the same line. */
export const giveAnswer = (folder: string, { answer, key }: Answered) =>
  Effect.tryPromise({
    try: async () => {
      const path = join(folder, files.answers)
      const line = `${encodeText(defined({ type: "task.answer", key, ...answer }))}\n`
      const given = await readFile(path, "utf8").catch(() => "")
      if (!`\n${given}`.includes(`\n${line}`)) await appendFile(path, line, { mode: 0o600, flush: true })
    },
    catch: (error) => new FolderFailed({ path: folder, detail: error instanceof Error ? error.message : String(error) })
  })
