import { Option, type ParseResult, SchemaAST } from "effect"
import { suggestion } from "./Nearest.js"

/** One thing wrong with a value, and where. */
export interface SchemaIssue {
  readonly path: ReadonlyArray<PropertyKey>
  readonly message: string
}

/** `a.b[1].c`: list positions in brackets. */
export const formatPath = (path: ReadonlyArray<PropertyKey>): string =>
  path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "")

const unique = (words: ReadonlyArray<string>) => Array.from(new Set(words))

const expected = (ast: SchemaAST.AST): string => {
  if (SchemaAST.isUnion(ast)) return unique(ast.types.map(expected)).join(" | ")
  if (SchemaAST.isTypeLiteral(ast)) return "a map"
  if (SchemaAST.isTupleType(ast)) return "a list"
  if (SchemaAST.isTransformation(ast)) return expected(ast.from)
  if (SchemaAST.isRefinement(ast)) return Option.getOrElse(SchemaAST.getDescriptionAnnotation(ast), () => String(ast))
  return String(ast)
}

const shown = (value: unknown): string => {
  const text = typeof value === "object" || typeof value === "string" ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

const knownKeys = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  SchemaAST.isTypeLiteral(ast) ? ast.propertySignatures.map((property) => String(property.name)) : []

const keyPattern = (ast: SchemaAST.AST): string | undefined =>
  SchemaAST.isTypeLiteral(ast) ? ast.indexSignatures.map((signature) => String(signature.parameter))[0] : undefined

const unexpected = (key: PropertyKey | undefined, parent: SchemaAST.AST | undefined): string => {
  const known = parent === undefined ? [] : knownKeys(parent)
  const pattern = parent === undefined ? undefined : keyPattern(parent)
  return pattern === undefined
    ? `is not a known key.${suggestion(String(key), known)} Known: ${known.join(", ") || "none"}`
    : `is not a valid name: expected ${pattern}`
}

const children = (issue: ParseResult.Composite): ReadonlyArray<ParseResult.ParseIssue> =>
  "_tag" in issue.issues ? [issue.issues] : issue.issues

/** A union none of whose members got past the value itself is one issue, not one for each member. */
const isMismatch = (issue: ParseResult.Composite) =>
  SchemaAST.isUnion(issue.ast) && children(issue).every((child) => child._tag === "Type")

const collect = (
  issue: ParseResult.ParseIssue,
  path: ReadonlyArray<PropertyKey>,
  parent?: SchemaAST.AST
): ReadonlyArray<SchemaIssue> => {
  switch (issue._tag) {
    case "Pointer":
      return collect(issue.issue, path.concat(issue.path), parent)
    case "Composite":
      return isMismatch(issue)
        ? [{ path, message: `expected ${expected(issue.ast)}, got ${shown(issue.actual)}` }]
        : children(issue).flatMap((child) => collect(child, path, issue.ast))
    case "Refinement":
      return issue.issue._tag === "Type" && issue.issue.message === undefined
        ? [{ path, message: `expected ${expected(issue.ast)}, got ${shown(issue.actual)}` }]
        : collect(issue.issue, path)
    case "Transformation":
      return collect(issue.issue, path)
    case "Missing":
      return [{ path, message: "is missing" }]
    case "Unexpected":
      return [{ path, message: unexpected(path[path.length - 1], parent) }]
    case "Type":
    case "Forbidden":
      return [{ path, message: issue.message ?? `expected ${expected(issue.ast)}, got ${shown(issue.actual)}` }]
  }
}

/** Every issue of a failed decoding, each once. */
export const schemaIssues = (issue: ParseResult.ParseIssue): ReadonlyArray<SchemaIssue> => collect(issue, [])
