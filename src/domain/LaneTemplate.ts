import { Schema } from "effect"

/** What a template may be filled with. */
export const placeholders = ["orguser", "repo", "task", "host", "max", "handle", "github"] as const
type Placeholder = (typeof placeholders)[number]
export type Values = Readonly<Record<Placeholder, string>>

const named = /\{[A-Za-z][A-Za-z0-9_]*\}/

const isPlaceholder = (name: string): name is Placeholder => placeholders.some((known) => known === name)

const filledBy = (element: string): Placeholder | undefined => {
  const name = element.startsWith("{") && element.endsWith("}") ? element.slice(1, -1) : ""
  return isPlaceholder(name) ? name : undefined
}

const elementProblem = (element: string, index: number): string | undefined => {
  if (element.includes("\u0000")) return "contains a NUL character"
  if (index === 0 && (element.trim() === "" || element.startsWith("-") || named.test(element))) {
    return "must be the program itself"
  }
  if (filledBy(element) !== undefined) return undefined
  const found = named.exec(element)?.[0]
  if (found === undefined) return undefined
  return isPlaceholder(found.slice(1, -1))
    ? `holds ${found} among other text; a placeholder is a whole element`
    : `holds ${found}, which is no placeholder; known: ${placeholders.map((name) => `{${name}}`).join(" ")}`
}

/** A fixed argument vector in which an element that is a placeholder is replaced as a whole. */
export const Template = Schema.NonEmptyArray(Schema.String).pipe(
  Schema.filter((elements) =>
    elements.flatMap((element, index) => {
      const message = elementProblem(element, index)
      return message === undefined ? [] : [{ path: [index], message }]
    })
  )
)
export type Template = typeof Template.Type

/** The vector that runs: as many elements as the template has, whatever the values hold. */
export const argvOf = ([program, ...rest]: Template, values: Values): readonly [string, ...ReadonlyArray<string>] => [
  program,
  ...rest.map((element) => {
    const name = filledBy(element)
    return name === undefined ? element : values[name]
  })
]

/** Whether a task that begins with `-` stays data wherever this template puts it. */
export const mayTakeDash = (template: Template): boolean => {
  const task = template.indexOf("{task}")
  const end = template.indexOf("--")
  return task === -1 || (end !== -1 && end < task)
}
