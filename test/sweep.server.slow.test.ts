import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { session } from "./support/Server.js"
import { config, foundBefore, littered, reportOf, sweeping, swept } from "./support/SweepScene.js"

describe("A server that sweeps", () => {
  it.scopedLive(
    "does each thing once, beside another server and two doctors",
    () =>
      Effect.gen(function* () {
        const { at, keys, lives, tasks } = yield* littered
        yield* foundBefore(at, keys)
        const place = { folder: at.folder, stateDir: join(at.folder, "state") }
        const servers = yield* Effect.all(
          [session("the 2026-07-28 client", place, { config }), session("the 2026-07-28 client", place, { config })],
          { concurrency: 2 }
        )
        yield* sweeping(at)
        const reap = at.run("doctor", "--config", "c.json", "--json", "--reap")
        const both = yield* Effect.all([reap, reap], { concurrency: 2 })
        for (const { code, stderr } of both) assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        const reports = yield* Effect.forEach(both, reportOf)
        assert.deepStrictEqual(reports, [
          { ok: true, sweep: [] },
          { ok: true, sweep: [] }
        ])
        assert.isFalse(lives())
        assert.deepStrictEqual(yield* swept(at), tasks)
        for (const server of servers) assert.isFalse((yield* server.call("list_providers")).isError)
      }),
    60_000
  )
})
