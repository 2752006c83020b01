import { Schema } from "effect"

const Count = Schema.Int.pipe(Schema.nonNegative())

/** By name, letter by letter; `*` is for each one that is not named. */
const named = Schema.optionalWith(Schema.Record({ key: Schema.String, value: Count }), { exact: true })

/** How many tasks may be under way at once, over all processes of this installation; 0 lets none out of the queue. */
export const Concurrency = Schema.Struct({
  all: Schema.optionalWith(Count, { exact: true }),
  accounts: named,
  backends: named,
  runtimes: named,
  /** As ORGUSER/REPO. */
  lanes: named,
  /** As `user:NAME` or `principal:NAME`. */
  principals: named
})
export type Concurrency = typeof Concurrency.Type

/** The limit on what is counted under a key such as `all` or `backend:desk`; nothing where there is none. */
export const mostOf =
  (concurrency: Concurrency) =>
  (key: string): number | undefined => {
    const [kind = "", ...rest] = key.split(":")
    const limits = limitsOf(concurrency, kind)
    const name = rest.join(":")
    if (kind === "all" || limits === undefined) return kind === "all" ? concurrency.all : undefined
    return Object.hasOwn(limits, name) ? limits[name] : limits["*"]
  }

const limitsOf = (
  { accounts, backends, lanes, principals, runtimes }: Concurrency,
  kind: string
): Readonly<Record<string, number>> | undefined =>
  new Map(
    Object.entries({ account: accounts, backend: backends, runtime: runtimes, lane: lanes, principal: principals })
  ).get(kind)
