const explanations: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "does not exist"],
  ["ENOTDIR", "is not a folder"],
  ["EACCES", "may not be read"],
  ["EPERM", "may not be read"],
  ["ELOOP", "is a circle of links"],
  ["ENAMETOOLONG", "is too long a name"],
  ["ERR_INVALID_ARG_VALUE", "is not a possible path"]
])

/** The system's code for a failure, such as ENOENT, or its text where it has none. */
export const systemCode = (cause: unknown): string =>
  cause instanceof Error
    ? "code" in cause && typeof cause.code === "string"
      ? cause.code
      : cause.message
    : String(cause)

/** What a failure of the system says about a path, as the end of a sentence. */
export const pathProblem = (cause: unknown): string => {
  const code = systemCode(cause)
  return explanations.get(code) ?? `cannot be used (${code})`
}
