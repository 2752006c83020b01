import type { Manifest } from "../Manifest.js"
import { variableName } from "../Names.js"
import { header } from "./Header.js"

/** `adapters/Registry.generated.ts`. */
export const registryFile = (manifest: Manifest): string => {
  const names = Object.keys(manifest.adapters)
  const built = Object.entries(manifest.adapters).flatMap(([name, entry]) => (entry.built ? [name] : []))
  const imports = names.map((name) => `import { spec as ${variableName(name)}Spec } from "./${name}/Spec.generated.js"`)
  const loaders = built.map((name) => `  ${JSON.stringify(name)}: () => import("./${name}/Adapter.js")`)
  return `${header("adapters")}import type { Layer } from "effect"
import type { AdapterSpec } from "../src/domain/AdapterSpec.js"
import type { Adapter } from "../src/services/Adapter.js"
import type { Audit } from "../src/services/Audit.js"
import type { Installation } from "../src/services/Installation.js"
import type { Transport } from "../src/services/Transport.js"
${imports.join("\n")}

export type AdapterName = ${names.map((name) => JSON.stringify(name)).join(" | ") || "never"}

/** Every declared kind of backend, in the manifest's order. */
export const specs: ReadonlyArray<AdapterSpec> = [${names.map((name) => `${variableName(name)}Spec`).join(", ")}]

/** What an adapter may ask of the process it is loaded into. */
export type AdapterServices = Audit | Transport | Installation

export type Loader = () => Promise<{ readonly layer: Layer.Layer<Adapter, never, AdapterServices> }>

/** The adapters that are part of this build, each loaded when first needed. */
export const loaders: { readonly [name: string]: Loader } = {${loaders.length === 0 ? "" : `\n${loaders.join(",\n")}\n`}} satisfies {
  readonly [Name in AdapterName]?: Loader
}
`
}
