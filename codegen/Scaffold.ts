import { Either, Schema } from "effect"
import { isMap, isScalar, parseDocument } from "yaml"
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

/** The manifest's text with a documented entry at its end; what stood there before stays as it is. */
export const withEntry = (yaml: string, manifest: Manifest, name: string): Either.Either<string, NameRefused> => {
  const refuse = (reason: string) => Either.left(new NameRefused({ name, reason }))
  if (!isAdapterName(name)) return refuse("a name is lower-case words joined by '-', such as acme-cloud")
  if (Object.hasOwn(manifest.adapters, name)) return refuse("the manifest already has it; change the entry there")
  const document = parseDocument(yaml)
  const adapters = document.get("adapters", true)
  if (!isMap(adapters)) return refuse("adapters is not a map in adapters.manifest.yaml")
  const first = adapters.items[0]?.key
  if (adapters.flow !== true && isScalar(first)) return Either.right(appended(yaml, first.range?.[0] ?? 0, name))
  adapters.flow = false
  adapters.add({ key: name, value: parseDocument(entrySeed(name)).contents })
  return Either.right(document.toString({ lineWidth: 0 }))
}

/** The map of adapters is all a manifest holds, so what is indented like its first key and comes last belongs to it. */
const appended = (yaml: string, firstKey: number, name: string): string => {
  const indent = " ".repeat(firstKey - (yaml.lastIndexOf("\n", firstKey) + 1))
  const lines = [
    `${name}:`,
    ...entrySeed(name)
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`)
  ]
  return `${yaml.trimEnd()}\n\n${lines.map((line) => `${indent}${line}`).join("\n")}\n`
}
