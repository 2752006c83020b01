import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/build.ts"],
    pool: "forks",
    poolOptions: { forks: { maxForks: 2 } },
    // A loaded machine can miss the instant a real-process test waits for; a retry is reported, and a second miss fails.
    retry: process.env["CI"] === "true" ? 1 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
