import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Sqlite from "../src/drivers/Sqlite.js"
import { callOf, type Ended, greeted, greeting, messagesIn, rawServer, runOnce, toolCall } from "./support/RawServer.js"
import { place, type Place } from "./support/Server.js"
import { finished, listOf, spawned, workbench } from "./support/Workbench.js"

const config = workbench()
const asRoot = process.getuid?.() === 0

/** Every file of the state folder with its bytes, or the file that stands in its place. */
const contents = ({ stateDir }: Place): ReadonlyArray<string> =>
  statSync(stateDir).isFile()
    ? [readFileSync(stateDir, "base64")]
    : readdirSync(stateDir)
        .map((name) => join(stateDir, name))
        .map((path) => `${path}: ${statSync(path).isFile() ? readFileSync(path, "base64") : "a folder"}`)

const database = (stateDir: string) => join(stateDir, "agentdispatch.db")

/** A folder another server has used and left. */
const used = (at: Place) =>
  Effect.gen(function* () {
    const server = yield* greeted(at, { config })
    const call = callOf(server)
    yield* finished(call, yield* spawned(call, { runtime: "echo", instruction: "before" }))
    yield* server.hangUp
    yield* server.ended
  })

const refused = (ended: Ended, words: ReadonlyArray<string>) => {
  assert.deepStrictEqual([ended.code, ended.stdout], [2, ""])
  for (const word of words) assert.include(ended.stderr, word)
  assert.notMatch(ended.stderr, /^\s+at .*\.js:\d+/m, "no stack trace")
}

describe("a state folder", () => {
  const unusable: ReadonlyArray<readonly [what: string, spoil: (at: Place) => void, words: ReadonlyArray<string>]> = [
    ["that is a file", ({ stateDir }) => writeFileSync(stateDir, "not a folder"), ["stateDir", "cannot be written"]],
    [
      "whose database is garbage",
      ({ stateDir }) => {
        mkdirSync(stateDir, { mode: 0o700 })
        writeFileSync(database(stateDir), "garbage\n".repeat(1_000), { mode: 0o600 })
      },
      ["database is damaged", "left as it is", "stateDir"]
    ],
    ...(asRoot
      ? [
          [
            "that belongs to somebody else",
            ({ stateDir }: Place) => {
              mkdirSync(stateDir, { mode: 0o700 })
              chownSync(stateDir, 65_534, 65_534)
            },
            ["belongs to somebody else", "65534", "stateDir"]
          ] as const
        ]
      : [])
  ]
  for (const [what, spoil, words] of unusable) {
    it.scopedLive(`${what} is refused with the remedy and left as it was`, () =>
      Effect.gen(function* () {
        const at = yield* place
        spoil(at)
        const before = contents(at)
        refused(yield* runOnce(at, [], { config }), [...words, at.stateDir])
        const checked = yield* runOnce(at, ["--check", "--json"], { config })
        assert.strictEqual(checked.code, 1)
        for (const word of words) assert.include(checked.stdout, word)
        assert.deepStrictEqual(contents(at), before)
      })
    )
  }

  it.scopedLive("that cannot be made because a file stands in the way is refused by its path", () =>
    Effect.gen(function* () {
      const at = yield* place
      writeFileSync(join(at.folder, "file"), "")
      const AGENTDISPATCH_STATE_DIR = join(at.folder, "file", "state")
      refused(yield* runOnce(at, [], { config, env: { AGENTDISPATCH_STATE_DIR } }), [
        AGENTDISPATCH_STATE_DIR,
        "ENOTDIR",
        "stateDir"
      ])
    })
  )

  it.scopedLive("that a newer version has written is refused and left as it was", () =>
    Effect.gen(function* () {
      const at = yield* place
      yield* used(at)
      yield* Effect.flatMap(
        SqlClient,
        (sql) => sql`INSERT INTO effect_sql_migrations (migration_id, name) VALUES (999, 'from the future')`
      ).pipe(Effect.provide(Sqlite.layer(at.stateDir)))
      const before = contents(at)
      refused(yield* runOnce(at, [], { config }), ["newer version", "999", "upgrade", at.stateDir])
      assert.deepStrictEqual(contents(at), before)
    })
  )

  it.scopedLive("that was open to others is closed to them, and what was in it is kept", () =>
    Effect.gen(function* () {
      const at = yield* place
      yield* used(at)
      chmodSync(at.stateDir, 0o777)
      const call = callOf(yield* greeted(at, { config }))
      assert.strictEqual(statSync(at.stateDir).mode & 0o777, 0o700)
      assert.strictEqual(listOf(yield* call("list_tasks")).tasks.length, 1)
    })
  )

  it.scopedLive(
    "that is empty takes two servers started in the same millisecond, ten times",
    () =>
      Effect.gen(function* () {
        for (let round = 0; round < 10; round++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const at = yield* place
              const servers = yield* Effect.all([rawServer(at), rawServer(at)])
              for (const [index, server] of servers.entries()) {
                const spawn = { runtime: "echo", instruction: `from ${index}`, idempotency_key: "the same" }
                yield* server.write(greeting(0) + toolCall(1, "spawn_cloud_agent", { ...spawn, instruction: "same" }))
                yield* server.write(toolCall(2, "spawn_cloud_agent", { ...spawn, idempotency_key: `key ${index}` }))
              }
              for (const server of servers) {
                yield* server.answerTo(1)
                yield* server.answerTo(2)
              }
              const lists = yield* Effect.forEach(servers, (server) =>
                Effect.map(callOf(server)("list_tasks"), (answer) => listOf(answer).tasks.map(({ taskId }) => taskId))
              )
              assert.strictEqual(lists[0]?.length, 3)
              assert.deepStrictEqual(lists[0], lists[1])
              for (const server of servers) {
                assert.strictEqual(server.stderr(), "")
                messagesIn(server.stdout())
              }
            })
          )
        }
      }),
    60_000
  )
})
