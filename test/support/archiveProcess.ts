import { stdout } from "node:process"
import { Effect, Stream } from "effect"
import * as ArchiveFolder from "../../src/drivers/ArchiveFolder.js"
import { Archive } from "../../src/services/Archive.js"

/** A process that writes so many lines of 1,000 bytes into an archive, and says what came of it: `FOLDER NAME LINES`. */
const [folder = "", name = "", lines = "0"] = process.argv.slice(2)

const line = `${"x".repeat(999)}\n`
const text = Stream.take(Stream.forever(Stream.make(line)), Number(lines))

const written = Effect.flatMap(Archive, ({ write }) => write(folder, name, text)).pipe(
  Effect.match({
    onFailure: ({ code, message }) => `${code} ${message}`,
    onSuccess: (path) => `written ${path}`
  })
)

void Effect.runPromise(Effect.provide(written, ArchiveFolder.layer)).then((said) => stdout.write(`${said}\n`))
