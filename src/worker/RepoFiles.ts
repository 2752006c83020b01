import { spawn } from "node:child_process"
import { readdir, realpath } from "node:fs/promises"
import { resolve } from "node:path"
import { Effect, Either } from "effect"
import { displayName } from "./FileName.js"
import { pathProblem } from "./SystemProblem.js"
import { FolderUnusable } from "./WorkerError.js"

/** A folder and the files in it that count, as raw bytes: a file name need not be UTF-8. */
export interface RepoFiles {
  readonly root: Buffer
  readonly names: ReadonlyArray<Buffer>
  /** Folders that could not be looked into. */
  readonly closed: ReadonlyArray<string>
  readonly listedBy: "git" | "a walk of the folders"
}

/** Built or fetched, not written: left out where no .gitignore can say so. */
const skipped: ReadonlySet<string> = new Set([
  ".git",
  ".hg",
  ".svn",
  "node_modules",
  "bower_components",
  "dist",
  "build",
  "out",
  "target",
  "coverage",
  ".next",
  ".nuxt",
  ".cache",
  ".venv",
  "venv",
  "__pycache__",
  ".tox",
  ".gradle",
  ".terraform"
])

const slash = Buffer.from("/")

export const listFiles = Effect.fn("worker.listFiles")(function* (
  path: string,
  env: Readonly<Record<string, string | undefined>>
) {
  const folder = resolve(path)
  const root = yield* Effect.tryPromise({
    try: async () => {
      const real = await realpath(folder, { encoding: "buffer" })
      await readdir(real, { encoding: "buffer" })
      return real
    },
    catch: (cause) => new FolderUnusable({ path, problem: pathProblem(cause) })
  })
  const listed = yield* Effect.either(listedByGit(folder, env))
  if (Either.isRight(listed) && listed.right.length > 0)
    return { root, names: sorted(listed.right), closed: [], listedBy: "git" } satisfies RepoFiles
  const { names, closed } = yield* walked(root)
  return { root, names: sorted(names), closed, listedBy: "a walk of the folders" } satisfies RepoFiles
})

/** What git tracks or would track; a repository's own config may name programs, so those settings are switched off. */
const listedByGit = (folder: string, env: Readonly<Record<string, string | undefined>>) =>
  Effect.async<ReadonlyArray<Buffer>, "git cannot list it">((resume) => {
    const child = spawn(
      "git",
      [
        "-c",
        "core.fsmonitor=false",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--exclude=node_modules/"
      ],
      {
        cwd: folder,
        env: {
          ...Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("GIT_"))),
          GIT_OPTIONAL_LOCKS: "0"
        },
        stdio: ["ignore", "pipe", "ignore"]
      }
    )
    const chunks: Array<Buffer> = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.once("error", () => resume(Effect.fail("git cannot list it")))
    child.once("close", (code) =>
      resume(code === 0 ? Effect.succeed(split(Buffer.concat(chunks))) : Effect.fail("git cannot list it"))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const split = (listing: Buffer): ReadonlyArray<Buffer> => {
  const names: Array<Buffer> = []
  let from = 0
  for (let end = listing.indexOf(0); end !== -1; end = listing.indexOf(0, from)) {
    names.push(listing.subarray(from, end))
    from = end + 1
  }
  return names
}

/** Links are neither files nor folders here, so a walk cannot leave the folder or go round in circles. */
const walked = Effect.fn("worker.walk")(function* (root: Buffer) {
  const names: Array<Buffer> = []
  const closed: Array<string> = []
  const open: Array<Buffer> = [Buffer.alloc(0)]
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const prefix = folder.length === 0 ? folder : Buffer.concat([folder, slash])
    const entries = yield* Effect.tryPromise(() =>
      readdir(Buffer.concat([root, slash, prefix]), { withFileTypes: true, encoding: "buffer" })
    ).pipe(
      Effect.catchAll(({ error }) =>
        Effect.sync(() => {
          closed.push(`${displayName(prefix)} ${pathProblem(error)}`)
          return []
        })
      )
    )
    for (const entry of entries) {
      if (entry.isFile()) names.push(Buffer.concat([prefix, entry.name]))
      else if (entry.isDirectory() && !skipped.has(entry.name.toString("latin1")))
        open.push(Buffer.concat([prefix, entry.name]))
    }
  }
  return { names, closed }
})

/** In one order whatever listed them; git names a file with a merge conflict several times. */
const sorted = (names: ReadonlyArray<Buffer>): ReadonlyArray<Buffer> =>
  [...names].sort(Buffer.compare).filter((name, at, all) => at === 0 || all[at - 1]?.equals(name) === false)
