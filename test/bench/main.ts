import { cpus } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { build } from "tsup"
import { type Place, place } from "../support/Server.js"
import { audit } from "./Audit.js"
import { coldStart } from "./ColdStart.js"
import { life } from "./Life.js"
import { logPage } from "./LogPage.js"
import { recovery } from "./Recovery.js"
import { spawn } from "./Spawn.js"
import { type Row, table } from "./Table.js"
import { treeCancel } from "./TreeCancel.js"

/** Each measurement in a folder of its own, in which nothing is left running. */
const measured = (what: (at: Place) => Promise<ReadonlyArray<Row>>) =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(place, (at) => Effect.promise(() => what(at)))))

const startUp = async (at: Place) => {
  await build({
    config: false,
    silent: true,
    entry: { empty: new URL("EmptyServer.ts", import.meta.url).pathname },
    outDir: at.folder,
    outExtension: () => ({ js: ".mjs" }),
    format: "esm",
    platform: "node",
    target: "node20",
    treeshake: true,
    noExternal: [/./]
  })
  return coldStart(at, join(at.folder, "empty.mjs"))
}

const rows: Array<Row> = []
for (const what of [startUp, spawn, audit, logPage, life, recovery, treeCancel]) rows.push(...(await measured(what)))
const [{ model } = { model: "an unknown processor" }] = cpus()
process.stdout.write(`\nnode ${process.version} on ${cpus().length} × ${model}\n\n${table(rows)}\n`)
