import { stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Option, Stream } from "effect"
import type { AuditUnusable, Evidence, Finding, Verdict } from "../services/AuditTrail.js"
import { type Checkpoint, interval, isSignedBy, readCheckpoint, readHead } from "./AuditCheckpoint.js"
import { attempt, fingerprint, found, lines, names } from "./AuditFile.js"
import { type PublicKey, publicKey } from "./AuditKey.js"
import type { Lock } from "./AuditLock.js"
import { type Expected, type Started, walk } from "./AuditWalk.js"

/** Says whether a log is what was recorded, as far as its own files, a pinned key and an earlier export prove it. */
export const verify = Effect.fn("audit.verify")(function* (
  stateDir: string,
  lock: Lock,
  { against, file, key: pinned }: Evidence
): Effect.fn.Return<Verdict, AuditUnusable> {
  const log = yield* logOf(file ?? stateDir)
  for (const named of [file === undefined ? [] : [log], against ?? []].flat()) yield* attempt(named, () => stat(named))
  const folder = dirname(log)
  const key =
    pinned === undefined
      ? Option.getOrUndefined(yield* Effect.option(publicKey(join(folder, names.publicKey))))
      : yield* publicKey(pinned)
  // Signatures are read before the log, which may grow meanwhile, and under the lock, so that none is half written.
  const signed = yield* file === undefined ? lock(signatures(folder, key, "")) : signatures(folder, key, "")
  const empty = Option.isNone(yield* Stream.runHead(lines(log)))
  if (empty && !signed.present && key === undefined && against === undefined) return blank

  const before = against === undefined ? undefined : yield* signatures(against, key, `${against}/`)
  const walked = yield* walk(log, [...signed.expected, ...(before?.expected ?? [])])
  const broken = [
    ...walked.broken,
    ...begun(walked.started, key),
    ...signed.broken,
    ...(before?.broken ?? []),
    ...(yield* older(folder, walked.started?.earlier ?? []))
  ]
  return {
    whole: broken.length === 0,
    records: walked.records,
    checkpoints: signed.expected.length,
    key: key?.id,
    broken,
    notes: [...walked.notes, ...signed.notes]
  }
})

const blank: Verdict = { whole: true, records: 0, checkpoints: 0, broken: [], notes: [] }

/** A folder stands for the log in it. */
const logOf = (path: string): Effect.Effect<string, AuditUnusable> =>
  Effect.map(Effect.option(attempt(path, () => stat(path))), (seen) =>
    Option.isNone(seen) || seen.value.isDirectory() ? join(path, names.log) : path
  )

interface Signatures {
  readonly present: boolean
  readonly expected: ReadonlyArray<Expected>
  readonly broken: ReadonlyArray<Finding>
  readonly notes: ReadonlyArray<Finding>
}

/** What was signed for in a folder; `prefix` says in messages which folder that is. */
const signatures = Effect.fnUntraced(function* (
  folder: string,
  key: PublicKey | undefined,
  prefix: string
): Effect.fn.Return<Signatures, AuditUnusable> {
  const head = headIn(yield* found(join(folder, names.head)), key, `${prefix}${names.head}`)
  const kept = yield* checkpointsIn(join(folder, names.checkpoints), key, `${prefix}${names.checkpoints}`)
  const covered = new Set(kept.expected.map(({ claim }) => claim.size))
  const due = Math.floor((head.expected?.claim.size ?? 0) / interval)
  const gap = Array.from({ length: due }, (_, index) => (index + 1) * interval).find((size) => !covered.has(size))
  return {
    present: kept.present || head.present,
    expected: [...kept.expected, ...(head.expected === undefined ? [] : [head.expected])],
    broken: [
      ...head.broken,
      ...kept.broken,
      ...(gap === undefined || kept.broken.length > 0
        ? []
        : [{ file: `${prefix}${names.checkpoints}`, what: `the checkpoint of record ${gap} is missing` }])
    ],
    notes: kept.notes
  }
})

const headIn = (text: string | undefined, key: PublicKey | undefined, file: string) => {
  const head = text === undefined ? undefined : readHead(text)
  const what =
    text === undefined
      ? "is missing: nothing says where the log ends"
      : head === undefined
        ? "is not as it was written"
        : unsigned(head, key)
  return {
    present: text !== undefined,
    expected: head === undefined || what !== undefined ? undefined : { file, claim: head.checkpoint },
    broken: what === undefined ? [] : [{ file, what }]
  }
}

/** The signed claims of a file up to the first that is not as it was written. */
const checkpointsIn = Effect.fnUntraced(function* (path: string, key: PublicKey | undefined, file: string) {
  const expected: Array<Expected> = []
  const broken: Array<Finding> = []
  const notes: Array<Finding> = []
  let present = false
  yield* Stream.runForEach(
    Stream.takeWhile(lines(path), () => broken.length === 0),
    ({ ended, number, text }) =>
      Effect.sync(() => {
        present = true
        if (!ended)
          return void notes.push({ file, line: number, what: "an unfinished checkpoint; the next one replaces it" })
        const checkpoint = readCheckpoint(text)
        const last = expected.at(-1)?.claim.size ?? 0
        const what =
          checkpoint === undefined
            ? "is not as it was written"
            : checkpoint.checkpoint.size < last
              ? "is not in its place"
              : unsigned(checkpoint, key)
        if (what !== undefined || checkpoint === undefined)
          broken.push({ file, line: number, what: `line ${number} ${what ?? ""}` })
        else expected.push({ file: `${file} line ${number}`, claim: checkpoint.checkpoint })
      })
  )
  return { present, expected, broken, notes }
})

const unsigned = (checkpoint: Checkpoint, key: PublicKey | undefined): string | undefined => {
  if (key === undefined) return `cannot be checked: ${names.publicKey} is missing or no key; name the key with --key`
  if (isSignedBy(key, checkpoint)) return undefined
  return checkpoint.key === key.id
    ? "was changed: its signature is of something else"
    : `was signed with key ${checkpoint.key}, not with ${key.id}`
}

/** The key is the one the log began with. */
const begun = (started: Started | undefined, key: PublicKey | undefined): ReadonlyArray<Finding> =>
  started === undefined || key === undefined || started.key === key.id
    ? []
    : [{ file: names.log, record: 1, what: `record 1 began the log with key ${started.key}, not with ${key.id}` }]

/** The files of older versions are what the first record says. */
const older = Effect.fnUntraced(function* (folder: string, files: Started["earlier"] & {}) {
  const findings = yield* Effect.forEach(files, ({ bytes, file, sha256 }) =>
    Effect.map(Effect.option(fingerprint(join(folder, file))), (seen) =>
      Option.isNone(seen)
        ? [{ file, what: "is missing: record 1 vouches for it" }]
        : seen.value.sha256 === sha256 && seen.value.bytes === bytes
          ? []
          : [{ file, what: "is not what record 1 vouches for" }]
    )
  )
  return findings.flat()
})
