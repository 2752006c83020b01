import { Either, ParseResult, Schema } from "effect"
import { parseDocument } from "yaml"
import { formatPath, schemaIssues } from "../src/domain/SchemaIssues.js"
import { inconsistencies } from "./Consistency.js"
import { Entry } from "./Entry.js"
import { required } from "./Field.js"

const AdapterName = Schema.String.pipe(
  Schema.pattern(/^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/, {
    description: "lower-case words joined by '-', such as acme-cloud"
  })
)

/** Whether a word may name an adapter. */
export const isAdapterName = Schema.is(AdapterName)

/** Every kind of backend, as data. */
export const Manifest = Schema.Struct({
  adapters: required(Schema.Record({ key: AdapterName, value: Entry }), "Each kind of backend by its name.")
})
export type Manifest = typeof Manifest.Type

/** The manifest cannot be used; each problem is one line with its place and the remedy. */
export class ManifestInvalid extends Schema.TaggedError<ManifestInvalid>()("ManifestInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return ["adapters.manifest.yaml cannot be used:", ...this.problems.map((problem) => `  ${problem}`)].join("\n")
  }
}

const decode = ParseResult.decodeUnknownEither(Manifest, { errors: "all", onExcessProperty: "error" })

const fromValue = (value: unknown): Either.Either<Manifest, ReadonlyArray<string>> =>
  decode(value).pipe(
    Either.mapLeft((issue) =>
      schemaIssues(issue).map(({ path, message }) => `${formatPath(path) || "the file"}: ${message}`)
    ),
    Either.flatMap((manifest) => {
      const found = inconsistencies(manifest.adapters)
      return found.length === 0 ? Either.right(manifest) : Either.left(found)
    })
  )

/** A manifest from its YAML text, or all that is wrong with it. */
export const parse = (yaml: string): Either.Either<Manifest, ManifestInvalid> => {
  const document = parseDocument(yaml)
  const value: Either.Either<unknown, ReadonlyArray<string>> = document.errors.length === 0
    ? Either.try({ try: (): unknown => document.toJS(), catch: (cause) => [String(cause)] })
    : Either.left(document.errors.map((error) => error.message.replace(/:?\n[\s\S]*$/, "")))
  return Either.flatMap(value, fromValue).pipe(Either.mapLeft((problems) => new ManifestInvalid({ problems })))
}
