import { Either, Schema } from "effect"
import { isMap, parseDocument } from "yaml"
import { isAdapterName, type Manifest } from "./Manifest.js"
import { entrySeed } from "./templates/Seeds.js"

/** No entry can be added under this name. */
export class NameRefused extends Schema.TaggedError<NameRefused>()("NameRefused", {
  name: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `No adapter "${this.name}" was added: ${this.reason}.`
  }
}

/** The manifest's text with a documented entry at its end; comments and order stay as they are. */
export const withEntry = (yaml: string, manifest: Manifest, name: string): Either.Either<string, NameRefused> => {
  const refuse = (reason: string) => Either.left(new NameRefused({ name, reason }))
  if (!isAdapterName(name)) return refuse("a name is lower-case words joined by '-', such as acme-cloud")
  if (Object.hasOwn(manifest.adapters, name)) return refuse("the manifest already has it; change the entry there")
  const document = parseDocument(yaml)
  const adapters = document.get("adapters", true)
  if (!isMap(adapters)) return refuse("adapters is not a map in adapters.manifest.yaml")
  const key = document.createNode(name)
  key.spaceBefore = true
  adapters.add({ key, value: parseDocument(entrySeed(name)).contents })
  adapters.flow = false
  return Either.right(document.toString({ lineWidth: 0, flowCollectionPadding: true }))
}
