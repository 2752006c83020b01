import { copyFile, mkdir, open, readdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Either, Option, Stream } from "effect"
import { AuditUnusable, type KeptRecord } from "../services/AuditTrail.js"
import { read, withheld } from "./AuditChain.js"
import { readHead } from "./AuditCheckpoint.js"
import { attempt, found, isBefore, type Line, lines, names } from "./AuditFile.js"

/** Every record of a folder's log that can be read, in order. */
export const records = (folder: string): Stream.Stream<KeptRecord, AuditUnusable> =>
  Stream.filterMap(lines(join(folder, names.log)), ({ text }) => Either.getRight(read(text)))

/** What another machine needs to verify the log: everything but the private key. */
export const exportTo = Effect.fn("audit.export")(function* (folder: string, target: string) {
  const present = new Set(yield* attempt(folder, () => readdir(folder)))
  const evidence = [names.log, names.checkpoints, names.head, names.publicKey, ...[...present].filter(isBefore).sort()]
  if (!present.has(names.log)) return yield* new AuditUnusable({ path: folder, problem: "holds no audit log yet" })
  yield* Effect.mapError(
    attempt(target, () => mkdir(target, { mode: 0o700 })),
    ({ path, problem }) =>
      problem.includes("EEXIST")
        ? new AuditUnusable({ path, problem: "is there already and was left as it is; name a new folder" })
        : new AuditUnusable({ path, problem })
  )
  for (const name of evidence.filter((file) => present.has(file))) {
    yield* attempt(target, () => copyFile(join(folder, name), join(target, name)))
  }
  return readHead((yield* found(join(target, names.head))) ?? "")?.checkpoint.size ?? 0
})

/** Takes sensitive values out of one record; the log is written anew beside the old one and takes its place whole. */
export const redact = Effect.fn("audit.redact")(function* (folder: string, seq: number, wanted: ReadonlyArray<string>) {
  const log = join(folder, names.log)
  const draft = `${log}.new`
  yield* attempt(draft, () => rm(draft, { force: true }))
  const taken = yield* Effect.scoped(rewritten(log, draft, seq, wanted))
  if (taken === undefined) {
    yield* attempt(draft, () => rm(draft))
    return yield* new AuditUnusable({ path: log, problem: `has no record ${seq} that can be read` })
  }
  yield* attempt(draft, () => rename(draft, log))
  return taken
})

const rewritten = Effect.fnUntraced(function* (log: string, draft: string, seq: number, wanted: ReadonlyArray<string>) {
  const file = yield* Effect.acquireRelease(
    attempt(draft, () => open(draft, "wx", 0o600)),
    (opened) => Effect.promise(() => opened.close())
  )
  let taken: ReadonlyArray<string> | undefined
  const copied = ({ bytes, text }: Line): Buffer => {
    if (Option.getOrUndefined(Either.getRight(read(text)))?.seq !== seq) return bytes
    const without = withheld(text, wanted)
    taken = without.taken
    return Buffer.from(without.line)
  }
  yield* lines(log).pipe(
    Stream.map((line) => Buffer.concat([copied(line), Buffer.from(line.ended ? "\n" : "")])),
    Stream.grouped(512),
    Stream.runForEach((copies) => attempt(draft, () => file.appendFile(Buffer.concat([...copies]))))
  )
  yield* attempt(draft, () => file.datasync())
  return taken
})
