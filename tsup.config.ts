import { defineConfig } from "tsup"

export default defineConfig({
  entry: {
    "agentdispatch-mcp": "src/main/agentdispatch-mcp.ts",
    agentdispatch: "src/main/agentdispatch.ts",
    supervisor: "src/main/supervisor.ts",
    worker: "src/main/worker.ts"
  },
  format: "esm",
  platform: "node",
  target: "node20",
  outDir: "dist",
  clean: true,
  splitting: true,
  treeshake: true,
  noExternal: [/^(?!better-sqlite3$)/],
  external: ["better-sqlite3"],
  banner: { js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" }
})
