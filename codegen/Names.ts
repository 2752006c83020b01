const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1)

const camel = (words: ReadonlyArray<string>) =>
  words.map((word, index) => (index === 0 ? word : capital(word))).join("")

/** `aws-agentcore` as `awsAgentcore`. */
export const variableName = (adapter: string): string => camel(adapter.split("-"))

/** `not_ready` as `NotReady`. */
export const className = (error: string): string => error.split("_").map(capital).join("")

/** The code callers see for an error. */
export const errorCode = (adapter: string, error: string, failure: { readonly code?: string }): string =>
  failure.code ?? `${adapter.replaceAll("-", "_")}.${error}`

const hole = /\{([^{}]*)\}/g

/** The names in a message's braces. */
export const holes = (message: string): ReadonlyArray<string> =>
  Array.from(message.matchAll(hole), (match) => match[1] ?? "")

/** A message cut at its braces: text and names in turn, beginning with text. */
export const pieces = (message: string): ReadonlyArray<string> => message.split(hole)
