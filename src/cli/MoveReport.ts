import type { MoveReport } from "../domain/StoreMove.js"

const headings: Record<MoveReport["outcome"], string> = {
  "would move": "Nothing was changed. This would be moved to",
  moved: "Moved, compared row by row, to",
  "was already there": "The copy was complete already; the file is closed now. It is in"
}

/** A move for a person: what went where, and what to do next. */
export const inWords = ({ outcome, tables, target }: MoveReport): string =>
  [
    `${headings[outcome]} ${target}:`,
    ...tables.map(({ rows, table }) => `  ${table.padEnd(20)} ${rows}`),
    ...(outcome === "would move"
      ? []
      : [
          "The file stays where it is and takes no more tasks. Set AGENTDISPATCH_DATABASE_URL, or store in the config, for every server.",
          "The audit log and the folders of local tasks stay in the state folder."
        ]),
    ""
  ].join("\n")
