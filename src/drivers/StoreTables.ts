import { createHash } from "node:crypto"
import type { Row } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { MovedTable } from "../domain/StoreMove.js"

export interface Table {
  readonly name: string
  readonly columns: ReadonlyArray<string>
  /** What rows are told apart and ordered by. */
  readonly key: ReadonlyArray<string>
}

/** One database of a move. */
export interface Side {
  readonly run: (text: string, params?: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<Row>, SqlError>
  readonly placeholder: (index: number) => string
}

const rowsAtOnce = 200

const quoted = (name: string) => `"${name}"`
const listed = (names: ReadonlyArray<string>) => names.map(quoted).join(", ")

/** The tables of a SQLite file but for the migrator's, each behind those it refers to. */
export const tablesOf = Effect.fnUntraced(function* ({ run }: Side, versions: string) {
  const names = yield* run(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> ? ORDER BY name",
    [versions]
  )
  const found = yield* Effect.forEach(names, (row) =>
    Effect.gen(function* () {
      const name = String(row["name"])
      const columns = yield* run(`PRAGMA table_info(${quoted(name)})`)
      const references = yield* run(`PRAGMA foreign_key_list(${quoted(name)})`)
      const key = columns.filter(({ pk }) => Number(pk) > 0).sort((a, b) => Number(a["pk"]) - Number(b["pk"]))
      return {
        table: { name, columns: columns.map(nameOf), key: key.map(nameOf) } satisfies Table,
        needs: references.map(({ table }) => String(table)).filter((other) => other !== name)
      }
    })
  )
  const ordered: Array<Table> = []
  let waiting = found
  while (waiting.length > 0) {
    const known = new Set(ordered.map(({ name }) => name))
    const ready = waiting.filter(({ needs }) => needs.every((name) => known.has(name)))
    if (ready.length === 0) return yield* Effect.dieMessage("two tables refer to each other")
    ordered.push(...ready.map(({ table }) => table))
    waiting = waiting.filter((entry) => !ready.includes(entry))
  }
  return ordered
})

const nameOf = (row: Row) => String(row["name"])

/** Reads a table part by part in the order of its key, and sums up what was read. */
export const walk = Effect.fnUntraced(function* (
  { placeholder, run }: Side,
  { columns, key, name }: Table,
  each: (rows: ReadonlyArray<Row>) => Effect.Effect<void, SqlError> = () => Effect.void
) {
  let [rows, sum] = [0, 0n]
  let last: Row | undefined
  for (;;) {
    const after =
      last === undefined ? "" : `WHERE (${listed(key)}) > (${key.map((_, index) => placeholder(index + 1)).join(", ")})`
    const part = yield* run(
      `SELECT ${listed(columns)} FROM ${quoted(name)} ${after} ORDER BY ${listed(key)} LIMIT ${rowsAtOnce}`,
      last === undefined ? [] : key.map((column) => last?.[column])
    )
    yield* each(part)
    for (const row of part) sum += digestOf(columns.map((column) => row[column]))
    rows += part.length
    last = part.at(-1)
    if (part.length < rowsAtOnce) break
  }
  return { table: name, rows, sum: (sum % modulus).toString(16).padStart(64, "0") } satisfies MovedTable
})

const modulus = 1n << 256n

const digestOf = (values: ReadonlyArray<unknown>): bigint =>
  BigInt(`0x${createHash("sha256").update(JSON.stringify(values)).digest("hex")}`)
