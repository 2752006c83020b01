import { defaultExclude, defineConfig } from "vitest/config"

/** Suites that kill, flood or wait for minutes; `npm run test:slow` runs them and nothing else. */
const slow = "test/**/*.slow.test.ts"
const onlySlow = process.env["AGENTDISPATCH_TEST_SLOW"] === "1"

export default defineConfig({
  test: {
    include: [onlySlow ? slow : "test/**/*.test.ts"],
    exclude: onlySlow ? defaultExclude : [...defaultExclude, slow],
    globalSetup: ["test/support/build.ts"],
    pool: "forks",
    poolOptions: { forks: { maxForks: 2 } },
    // A loaded machine can miss the instant a real-process test waits for; a retry is reported, and a second miss fails.
    retry: process.env["CI"] === "true" ? 1 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
