import type { RepoFigures } from "./RepoFigures.js"

/** The figures for a person, as one Markdown page. */
export const reportMarkdown = (title: string, figures: RepoFigures): string =>
  [
    `# Repository report: ${cell(title)}`,
    "",
    `${plural(figures.files, "file")}, ${plural(figures.lines, "line")}, ${grouped(figures.bytes)} bytes.`,
    ...(figures.binaryFiles === 0 ? [] : [`Not text, so without lines: ${plural(figures.binaryFiles, "file")}.`]),
    ...(figures.unreadable === 0
      ? []
      : [`Could not be read, so not counted: ${grouped(figures.unreadable)} files and folders.`]),
    "",
    "## Languages",
    "",
    ...table(
      ["Language", "Files", "Lines"],
      figures.languages.map((of) => [of.language, grouped(of.files), grouped(of.lines)])
    ),
    "",
    "## Largest files",
    "",
    ...table(
      ["File", "Bytes"],
      figures.largest.map((of) => [of.file, grouped(of.bytes)])
    ),
    "",
    "## TODO and FIXME",
    "",
    ...table(
      ["Where", "What"],
      figures.todos.map((todo) => [`${todo.file}:${todo.line}`, todo.text])
    ),
    ...(figures.todoCount > figures.todos.length
      ? ["", `The first ${figures.todos.length} of ${grouped(figures.todoCount)}.`]
      : []),
    ""
  ].join("\n")

const grouped = (number: number) => String(number).replace(/\B(?=(?:\d{3})+$)/g, ",")

const plural = (number: number, noun: string) => `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`

/** File names and source lines come from others: nothing in them may act as Markdown or HTML. */
const cell = (text: string) => text.replace(/[\\`*_{}[\]<>|#!&]/g, (character) => `\\${character}`)

const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`

const table = (headings: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  rows.length === 0
    ? ["None."]
    : [row(headings), row(headings.map(() => "---")), ...rows.map((cells) => row(cells.map(cell)))]
