import { readFile } from "node:fs/promises"
import { build } from "tsup"

const folder = ".tmpdist-simulation"

/** Bundles a part of the simulation, as it is loaded faster so; the answer is the file. */
export const bundled = async (): Promise<string> => {
  await build({
    config: false,
    entry: { Part: "test/simulation/Part.ts" },
    format: "esm",
    platform: "node",
    target: "node20",
    outDir: folder,
    silent: true,
    splitting: false,
    noExternal: [/./],
    external: ["better-sqlite3"],
    esbuildPlugins: [
      {
        name: "without spans",
        setup: (building) =>
          // Nobody sees the spans of a simulated process, and they cost a seventh of its time.
          building.onLoad({ filter: /[\\/]src[\\/](dispatch|drivers|services)[\\/]\w+\.ts$/ }, async ({ path }) => ({
            contents: (await readFile(path, "utf8")).replaceAll(/Effect\.fn\("[\w.]+"\)\(/g, "Effect.fnUntraced("),
            loader: "ts"
          }))
      }
    ]
  })
  return `${folder}/Part.js`
}
