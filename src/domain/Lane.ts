import { Either, Schema } from "effect"
import { lookup } from "./Config.js"
import { LaneTaskInvalid, LaneUnknown, LaneWrongOwner } from "./LaneError.js"
import { JsonObject } from "./Json.js"
import { mayTakeDash, type Template } from "./LaneTemplate.js"

/** A repository and the org-user that owns it: the only kind of place a unit can be dispatched to. */
export interface Lane {
  readonly orguser: string
  readonly repo: string
  readonly github: string
}

/** What `repos.json` says, as far as it is the shape of one. */
export interface Allowlist {
  readonly orgs: JsonObject
  readonly repos: JsonObject
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const taskLimit = 8_000

const isObject = Schema.is(JsonObject)

/** The lane of one entry; nothing if the entry is no object, its org is not declared or its names are none. */
const laneOf = ({ orgs, repos }: Allowlist, repo: string): Lane | undefined => {
  const entry = lookup(repos, repo)
  if (!namePattern.test(repo) || !isObject(entry)) return undefined
  const { org, github = repo } = entry
  if (typeof org !== "string" || !namePattern.test(org) || lookup(orgs, org) === undefined) return undefined
  return typeof github === "string" && isPlain(github) ? { orguser: org, repo, github } : undefined
}

/** A name of the operator's that cannot become an option of a command. */
const isPlain = (name: string): boolean => /^[^-\s\u0000][^\u0000]*$/.test(name)

const shown = 20

const known = (allowlist: Allowlist): ReadonlyArray<string> =>
  Object.keys(allowlist.repos)
    .flatMap((repo) => laneOf(allowlist, repo) ?? [])
    .map(({ orguser, repo }) => `${orguser}/${repo}`)
    .sort()
    .slice(0, shown)

/** The lane that these two names mean: exactly, letter by letter, or not at all. */
export const resolve = (
  allowlist: Allowlist,
  orguser: string,
  repo: string
): Either.Either<Lane, LaneUnknown | LaneWrongOwner> => {
  const [owner, name] = [orguser.trim(), repo.trim()]
  const lane = laneOf(allowlist, name)
  if (lane === undefined) return Either.left(new LaneUnknown({ repo: name.slice(0, 128), known: known(allowlist) }))
  return lane.orguser === owner
    ? Either.right(lane)
    : Either.left(new LaneWrongOwner({ orguser: owner.slice(0, 128), repo: name, owner: lane.orguser }))
}

/** What is wrong with a task's text for the commands it is put into, or nothing. */
export const taskProblem = (task: string, commands: ReadonlyArray<Template>): string | undefined => {
  const length = Array.from(task).length
  if (length === 0) return "is blank; say what the lane should do"
  if (length > taskLimit) {
    return `is ${length} characters long and a lane takes ${taskLimit} at most; put the material in a file of the repository and name it`
  }
  if (task.includes("\u0000")) return "contains a NUL character (U+0000), which no program can receive; remove it"
  return task.startsWith("-") && !commands.every(mayTakeDash)
    ? `begins with "-", which the lane's command would read as an option; begin with a word, or let whoever keeps the config put "--" before {task} in lanes.command`
    : undefined
}

/** A task's text as the lane gets it. */
export const taskText = (given: string, commands: ReadonlyArray<Template>): Either.Either<string, LaneTaskInvalid> => {
  const task = given.trim()
  const problem = taskProblem(task, commands)
  return problem === undefined ? Either.right(task) : Either.left(new LaneTaskInvalid({ problem }))
}
