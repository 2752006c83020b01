import { type Step, table, type Transition } from "../../src/domain/Lifecycle.js"

const cell = (step: Step): string => ("to" in step ? step.to : "same" in step ? "·" : "")

const keys = <K extends string>(record: Readonly<Record<K, unknown>>): ReadonlyArray<string> => Object.keys(record)

/** The lifecycle as README shows it. */
export const lifecycleMarkdown = (): string => {
  const transitions = keys<Transition>(table.queued)
  const rows = Object.entries(table).map(([status, steps]) => [`**${status}**`, ...Object.values(steps).map(cell)])
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  return [line(["", ...transitions]), line(["---", ...transitions.map(() => "---")]), ...rows.map(line)].join("\n")
}
