// Made by codegen/main.ts from adapters.manifest.yaml (adapters); change it there, then: npm run codegen
import type { Layer } from "effect"
import type { AdapterSpec } from "../src/domain/AdapterSpec.js"
import type { Adapter } from "../src/services/Adapter.js"
import type { Audit } from "../src/services/Audit.js"
import type { Installation } from "../src/services/Installation.js"
import type { Transport } from "../src/services/Transport.js"
import { spec as localProcessSpec } from "./local-process/Spec.generated.js"
import { spec as awsAgentcoreSpec } from "./aws-agentcore/Spec.generated.js"
import { spec as githubLaneSpec } from "./github-lane/Spec.generated.js"

export type AdapterName = "local-process" | "aws-agentcore" | "github-lane"

/** Every declared kind of backend, in the manifest's order. */
export const specs: ReadonlyArray<AdapterSpec> = [localProcessSpec, awsAgentcoreSpec, githubLaneSpec]

/** What an adapter may ask of the process it is loaded into. */
export type AdapterServices = Audit | Transport | Installation

export type Loader = () => Promise<{ readonly layer: Layer.Layer<Adapter, never, AdapterServices> }>

/** The adapters that are part of this build, each loaded when first needed. */
export const loaders: { readonly [name: string]: Loader } = {
  "local-process": () => import("./local-process/Adapter.js"),
  "aws-agentcore": () => import("./aws-agentcore/Adapter.js"),
  "github-lane": () => import("./github-lane/Adapter.js")
} satisfies {
  readonly [Name in AdapterName]?: Loader
}
