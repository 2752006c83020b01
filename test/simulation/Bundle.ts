import { readFile } from "node:fs/promises"

const folder = ".tmpdist-simulation"

/** Bundles the command, so that its parts load and run faster; the answer is the file. */
export const bundled = async (): Promise<string> => {
  const { build } = await import("tsup")
  await build({
    config: false,
    entry: { main: "test/simulation/main.ts" },
    format: "esm",
    platform: "node",
    target: "node20",
    outDir: folder,
    silent: true,
    splitting: false,
    noExternal: [/^(?!better-sqlite3$|tsup$)/],
    external: ["better-sqlite3", "tsup"],
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
  return `${folder}/main.js`
}
