import { JSONSchema } from "effect"
import { Manifest } from "./Manifest.js"
import { contractSuiteFile } from "./templates/ContractSuite.js"
import { registryFile } from "./templates/Registry.js"
import { adapterSeed, fixtureSeed, wireSeed } from "./templates/Seeds.js"
import { specFile } from "./templates/Spec.js"

/** A file as the manifest wants it: `owned` is always rewritten, `seed` only when it is absent. */
export interface PlannedFile {
  readonly path: string
  readonly content: string
  readonly kind: "owned" | "seed"
}

/** The manifest's own JSON schema, for editors. */
const schemaFile = (): string => {
  const schema = {
    $comment: "Made by codegen/main.ts from codegen/Manifest.ts; change it there, then: npm run codegen",
    ...JSONSchema.make(Manifest)
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

/** Everything a manifest stands for; the same manifest always gives the same files, in the same order. */
export const plan = (manifest: Manifest): ReadonlyArray<PlannedFile> => {
  const entries = Object.entries(manifest.adapters)
  const built = entries.filter(([, entry]) => entry.built)
  const owned = (path: string, content: string): PlannedFile => ({ path, content, kind: "owned" })
  const seed = (path: string, content: string): PlannedFile => ({ path, content, kind: "seed" })
  return [
    owned("codegen/manifest.schema.json", schemaFile()),
    ...entries.map(([name, entry]) => owned(`adapters/${name}/Spec.generated.ts`, specFile(name, entry))),
    owned("adapters/Registry.generated.ts", registryFile(manifest)),
    ...(built.length === 0
      ? []
      : [owned("test/contracts/Adapters.generated.test.ts", contractSuiteFile(built.map(([name]) => name)))]),
    ...built.flatMap(([name, entry]) => [
      seed(`adapters/${name}/Adapter.ts`, adapterSeed(name)),
      seed(`adapters/${name}/Wire.ts`, wireSeed(name)),
      seed(`test/fixtures/adapters/${name}.ts`, fixtureSeed(name, entry))
    ])
  ]
}
