/** One measurement beside what it is to be compared with. */
export interface Row {
  readonly name: string
  readonly ours: string
  /** What stands in the second column: a peer measured in the same run, or a limit. */
  readonly peer: string
  readonly ratio: string
}

const headings: Row = { name: "", ours: "ours", peer: "peer or limit", ratio: "ratio" }
const columns = ["name", "ours", "peer", "ratio"] as const

/** The rows as text, each column as wide as its widest cell. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const all = [headings, ...rows]
  const widths = columns.map((column) => Math.max(...all.map((row) => row[column].length)))
  const line = (row: Row) =>
    columns
      .map((column, index) =>
        column === "name" ? row[column].padEnd(widths[index] ?? 0) : row[column].padStart(widths[index] ?? 0)
      )
      .join("  ")
      .trimEnd()
  return [line(headings), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n")
}

type Unit = "ms" | "bytes" | "MB" | "tokens"

const written = (value: number, unit: Unit): string =>
  `${value >= 100 || unit === "bytes" || unit === "tokens" ? Math.round(value).toLocaleString("en") : value.toPrecision(3)} ${unit}`

/** Two numbers of one unit. */
export const compared = (name: string, ours: number, peer: number, unit: Unit, what: string): Row => ({
  name,
  ours: written(ours, unit),
  peer: `${written(peer, unit)} ${what}`,
  ratio: (ours / peer).toFixed(2)
})

/** The value below which a part of the values lies: 0.5 is the median. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

export const tokens = (bytes: number): number => Math.round(bytes / 4)
