import { createHash } from "node:crypto"
import { isUtf8 } from "node:buffer"
import {
  closeSync,
  constants,
  createReadStream,
  fdatasync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { truncate } from "node:fs/promises"
import { basename } from "node:path"
import { Effect, Predicate, Stream } from "effect"
import { AuditUnusable } from "../services/AuditTrail.js"

/** What the audit keeps in a state folder, all of it readable by this user alone. */
export const names = {
  log: "audit.ndjson",
  /** A signed checkpoint every so many records. */
  checkpoints: "audit.checkpoints",
  /** The checkpoint of the newest record, and what it takes to go on from it. */
  head: "audit.head",
  key: "audit.key",
  publicKey: "audit.pub",
  lock: "audit.lock",
  /** Records of versions that kept no chain. */
  before: "audit.before-chain.ndjson"
} as const

export const isBefore = (name: string): boolean => /^audit\.before-chain.*\.ndjson$/.test(name)

const unusable = (path: string, cause: unknown) =>
  new AuditUnusable({ path, problem: `cannot be used: ${cause instanceof Error ? cause.message : String(cause)}` })

/** Something done to a file, whose failure names the file and says what the system said. */
export const attempt = <A>(path: string, act: () => Promise<A>): Effect.Effect<A, AuditUnusable> =>
  Effect.tryPromise({ try: act, catch: (cause) => unusable(path, cause) })

/** Something small, for which a trip through the thread pool would take longer than the system does. */
const atOnce = <A>(path: string, act: () => A): Effect.Effect<A, AuditUnusable> =>
  Effect.try({ try: act, catch: (cause) => unusable(path, cause) })

const isAbsent = (cause: unknown): boolean => Predicate.hasProperty(cause, "code") && cause.code === "ENOENT"

/** The text of a file, if there is such a file. */
export const found = (path: string): Effect.Effect<string | undefined, AuditUnusable> =>
  atOnce(path, () => (statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(path, "utf8")))

/** A file used and closed. */
const using = <A>(path: string, flags: string | number, use: (file: number) => Effect.Effect<A, AuditUnusable>) =>
  Effect.acquireUseRelease(
    atOnce(path, () => openSync(path, flags, 0o600)),
    use,
    (file) => Effect.sync(() => closeSync(file))
  )

const forced = (path: string, file: number) =>
  Effect.async<void, AuditUnusable>((resume) =>
    fdatasync(file, (error) => resume(error === null ? Effect.void : unusable(path, error)))
  )

/** Writes text at the end and waits until the disk has it. */
export const appended = (path: string, text: string) =>
  using(path, "a", (file) =>
    Effect.zipRight(
      atOnce(path, () => writeFileSync(file, text)),
      forced(path, file)
    )
  )

/** Writes text over the beginning of a file in one piece. */
export const overwritten = (path: string, text: string, lasting: boolean) =>
  using(path, constants.O_WRONLY | constants.O_CREAT, (file) =>
    Effect.zipRight(
      atOnce(path, () => writeSync(file, text, 0)),
      lasting ? forced(path, file) : Effect.void
    )
  )

export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
  readonly bytes: Buffer
  /** A line break ended it. */
  readonly ended: boolean
}

const newline = 0x0a

/** The lines of a file in order, none where there is no file; bytes that are no UTF-8 never pass for text that is. */
export const lines = (path: string): Stream.Stream<Line, AuditUnusable> =>
  Stream.fromAsyncIterable(linesIn(path), (cause) => cause).pipe(
    Stream.catchAll((cause) =>
      isAbsent(cause)
        ? Stream.empty
        : Stream.fail(
            new AuditUnusable({ path, problem: `cannot be read: ${cause instanceof Error ? cause.message : ""}` })
          )
    )
  )

async function* linesIn(path: string): AsyncGenerator<Line> {
  let number = 0
  let begun: Array<Buffer> = []
  for await (const chunk of createReadStream(path)) {
    const bytes = Buffer.from(chunk)
    let from = 0
    for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, from)) {
      yield lineOf(++number, [...begun, bytes.subarray(from, at)], true)
      begun = []
      from = at + 1
    }
    if (from < bytes.length) begun.push(bytes.subarray(from))
  }
  if (begun.length > 0) yield lineOf(number + 1, begun, false)
}

const lineOf = (number: number, parts: ReadonlyArray<Buffer>, ended: boolean): Line => {
  const bytes = Buffer.concat(parts)
  return { number, text: textOf(bytes), bytes, ended }
}

const textOf = (bytes: Buffer): string => bytes.toString(isUtf8(bytes) ? "utf8" : "latin1")

const window = 16_384

/**
 * The last lines of a file, newest first, as far back as `enough` says, and the size of what stands behind the last
 * line break.
 */
export const tail = (path: string, enough: (line: string) => boolean) =>
  Effect.flatMap(
    atOnce(path, () => statSync(path, { throwIfNoEntry: false })?.size ?? 0),
    (size) => {
      if (size === 0) return Effect.succeed({ size, torn: 0, lines: [] })
      return using(path, "r", (file) => atOnce(path, () => tailOf(file, size, enough)))
    }
  )

interface Tail {
  readonly size: number
  readonly torn: number
  readonly lines: ReadonlyArray<string>
}

const tailOf = (file: number, size: number, enough: (line: string) => boolean): Tail => {
  for (let length = Math.min(size, window); ; length = Math.min(size, length * 4)) {
    const bytes = Buffer.alloc(length)
    readSync(file, bytes, 0, length, size - length)
    const end = bytes.lastIndexOf(newline)
    const seen: Array<string> = []
    for (let to = end; to > -1;) {
      const from = to === 0 ? -1 : bytes.lastIndexOf(newline, to - 1)
      if (from === -1 && length < size) break
      const text = textOf(bytes.subarray(from + 1, to))
      seen.push(text)
      if (enough(text)) return { size, torn: length - end - 1, lines: seen }
      to = from
    }
    if (length === size) return { size, torn: size - end - 1, lines: seen }
  }
}

/** Drops what a crash left behind the last line break; how many bytes that was. */
export const mended = Effect.fn("audit.mended")(function* (path: string) {
  const { size, torn } = yield* tail(path, () => true)
  if (torn > 0) yield* attempt(path, () => truncate(path, size - torn))
  return torn
})

/** What says that a file is as it was. */
export const fingerprint = (path: string) =>
  attempt(path, async () => {
    const hash = createHash("sha256")
    let bytes = 0
    for await (const chunk of createReadStream(path)) {
      const read = Buffer.from(chunk)
      hash.update(read)
      bytes += read.length
    }
    return { file: basename(path), sha256: hash.digest("hex"), bytes }
  })
