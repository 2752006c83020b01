import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import packageJson from "../package.json" with { type: "json" }
import { Clarification } from "../src/domain/Clarification.js"
import { desk, listOf, refusalOf } from "./support/cli.js"

const nobody = "task_00000000000000000000000000"

/** A command line, the exit code it ends with and what stderr says. */
const refusals: ReadonlyArray<readonly [args: ReadonlyArray<string>, code: number, told: RegExp]> = [
  [["lst"], 2, /^usage\.invalid: There is no command "lst"\. Did you mean "list"\?/],
  [["__proto__"], 2, /^usage\.invalid: There is no command "__proto__"/],
  [
    ["run", "--runtme", "echo", "hi"],
    2,
    /^usage\.invalid: "--runtme" is no option of this command\. Did you mean "--runtime"\?/
  ],
  [["run", "--runtime", "echo", "--runtime", "echo", "hi"], 2, /--runtime is given twice/],
  [["run", "hi", "--runtime"], 2, /--runtime needs a value behind it/],
  [["run", "--wait=yes", "hi"], 2, /--wait takes no value/],
  [["run", "--runtime", "echo", "fix", "this"], 2, /"this" is one word too many; put the instruction in quotes/],
  [["run", "--runtime", "echo", "--instruction", "a", "b"], 2, /two instructions/],
  [["run", "--runtime", "echo", "--timeout-ms", "5", "hi"], 2, /--timeout-ms .* needs --wait/],
  [
    ["run", "--runtime", "echo", "--wait", "--timeout-ms", "soon", "hi"],
    2,
    /--timeout-ms: "soon" is no whole number from 1 to/
  ],
  [
    ["run", "--runtime", "echo", "--task-type", "agent", "hi"],
    2,
    /--task-type: "agent" is none of agent\.run, command\.run\./
  ],
  [["run", "--runtime", "echo", "--task-type", "command.run", "hi"], 2, /needs --command EXECUTABLE/],
  [
    ["run", "--runtime", "echo", "--task-type", "agent.run", "--command", "ls"],
    2,
    /--command belongs to --task-type command\.run/
  ],
  [["run", "--capability", "agent-runtime", "hi"], 2, /together with --provider and --account-profile/],
  [
    ["run", "--runtime", "echo", "--capability", "job-runner", "hi"],
    2,
    /--capability: is "job-runner", but runtime profile "echo" offers "agent-runtime"/
  ],
  [["run", "--runtime", "echo", "--env", "NOVALUE", "hi"], 2, /--env: "NOVALUE" is not NAME=VALUE/],
  [
    ["run", "--runtime", "echo", "--context-json", '{"a": 1,\n "b": x}', "hi"],
    2,
    /--context-json: is not JSON: line 2, column 7: expected a value, found x/
  ],
  [["run", "--runtime", "echo", "--context-json", "[]", "hi"], 2, /--context-json: must be a JSON object/],
  [["run", "--runtime", "echo", "--model-json", "small", "hi"], 2, /--model-json: is not JSON: line 1, column 1/],
  [
    ["run", "--runtime", "echo", "--model-json", "7", "hi"],
    2,
    /--model-json: must be a JSON object, or a name in double quotes/
  ],
  [
    ["run", "--runtime", "echo", "--runtime-arn", "x", "--target-details-json", '{"runtimeArn":"y"}', "hi"],
    2,
    /"runtimeArn", which a flag of its own gives/
  ],
  [
    ["run", "--runtime", "echo", "--context-json", '{"a":{"b":{"apiKey":"x"}}}', "hi"],
    1,
    /^policy\.denied: context\.a\.b\.apiKey looks like a credential/
  ],
  [
    ["run", "--provider", "local", "--account-profile", "mine", "--capability", "agent-runtime", "hi"],
    1,
    /^account_profile\.not_found: .*"mine"/
  ],
  [["status"], 2, /Missing argument <task>/],
  [["status", nobody, nobody], 2, /is one word too many/],
  [["status", "42"], 2, /"42" is no task id/],
  [["status", nobody], 4, /^task\.not_found: .*`agentdispatch list` shows/],
  [["logs", "-f", nobody], 4, /^task\.not_found/],
  [["logs", "--tail", "--cursor", "1", nobody], 2, /--tail and --cursor .*give one/],
  [["logs", "-f", "--contains", "x", nobody], 2, /leave out --follow/],
  [["logs", "--cursor", "-1", nobody], 2, /--cursor: "-1" is no whole number from 0 up/],
  [["logs", "--limit", "64001", nobody], 2, /--limit: "64001" is no whole number from 1 to 64000/],
  [["result", "--wait", nobody], 4, /^task\.not_found/],
  [["cancel", nobody], 4, /^task\.not_found/],
  [["cancel", "--", nobody], 2, /Nothing may stand behind --/],
  [["list", "--status", "runing"], 2, /--status: "runing" is none of .* Did you mean "running"\?/],
  [["list", "--config", "nowhere.json"], 2, /^config\.invalid: .*nowhere\.json cannot be used:\n {2}cannot be read/],
  [["doctor", "--runtime", "nobody"], 1, /^runtime_profile\.not_found: .*"nobody"/]
]

describe("agentdispatch refuses", { timeout: 60_000 }, () => {
  it.scopedLive("each wrong command line with its exit code, naming what is wrong, and dispatches nothing", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      yield* Effect.forEach(
        refusals,
        ([args, code, told]) =>
          Effect.map(run(...args), (ended) => {
            assert.match(ended.stderr, told, args.join(" "))
            assert.strictEqual(ended.code, code, args.join(" "))
            assert.strictEqual(ended.stdout, "", args.join(" "))
          }),
        { concurrency: 2 }
      )
      const { tasks } = yield* Effect.flatMap(run("list", "--json"), ({ stdout }) => listOf(stdout))
      assert.deepStrictEqual(tasks, [])
    })
  )

  it.scopedLive("with --json as JSON on stdout, wherever the flag stands", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* desk
      yield* Effect.promise(() => writeFile(join(folder, "bad.json"), '{"accounts": [}'))
      const codes = yield* Effect.forEach(
        [
          ["--json", "lst"],
          ["status", "--json", "--bogus", nobody],
          ["status", nobody, "--json"],
          ["--json", "--config", "bad.json", "list"]
        ],
        (args) =>
          Effect.flatMap(run(...args), ({ stderr, stdout }) =>
            Effect.map(refusalOf(stdout), ({ error }) => [error.code, stderr])
          )
      )
      assert.deepStrictEqual(codes, [
        ["usage.invalid", ""],
        ["usage.invalid", ""],
        ["task.not_found", ""],
        ["config.invalid", ""]
      ])
    })
  )
})

describe("agentdispatch asks", { timeout: 60_000 }, () => {
  it.scopedLive("for what is missing, in words and by the flags that answer it", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const { code, stderr, stdout } = yield* run("run", "--runtime", "nope", "hi")
      assert.strictEqual(code, 3)
      assert.strictEqual(stdout, "")
      assert.strictEqual(
        stderr,
        [
          "Nothing was dispatched. Answer first:",
          '  There is no runtime profile "nope". Which one should run this?',
          "    choices: echo, repo-report",
          "    answer with: --runtime",
          ""
        ].join("\n")
      )
    })
  )

  it.scopedLive("with --json as the contract's clarification", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const { code, stdout } = yield* run("run", "--json")
      const asked = yield* Schema.decode(Schema.parseJson(Clarification))(stdout)
      assert.strictEqual(code, 3)
      assert.deepStrictEqual(
        asked.questions.map(({ id }) => id),
        ["instruction", "runtime"]
      )
      assert.deepStrictEqual(asked.available_runtimes, ["echo", "repo-report"])
    })
  )
})

describe("agentdispatch tells", { timeout: 60_000 }, () => {
  it.scopedLive("its version and its help without opening a state folder", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      assert.deepStrictEqual(yield* run("--version"), { code: 0, stdout: `${packageJson.version}\n`, stderr: "" })
      const overview = yield* run("--config", "nowhere.json", "--help")
      assert.strictEqual(overview.code, 0)
      assert.match(overview.stdout, /^ {2}run .* dispatch a task/m)
      const help = yield* run("run", "--runtime", "echo", "--help")
      assert.strictEqual(help.code, 0)
      assert.match(help.stdout, /^usage: agentdispatch run /)
      assert.match(help.stdout, /^--idempotency-key text$/m)
      assert.notInclude(help.stdout, "\u001b")
    })
  )

  it.scopedLive("the catalog in columns and as the tools do", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const said = yield* Effect.forEach(
        [
          ["providers"],
          ["providers", "--json"],
          ["accounts"],
          ["accounts", "--json"],
          ["capabilities", "--provider", "local"]
        ],
        (args) => Effect.map(run(...args), ({ stdout }) => stdout)
      )
      assert.deepStrictEqual(said.slice(0, 4), [
        "local\n",
        '["local"]\n',
        "NAME   PROVIDER  REGION  CREDENTIALS\nlocal  local     -       none\n",
        '[{"name":"local","provider":"local","credentialSource":"none"}]\n'
      ])
      assert.match(said[4] ?? "", /^local-process {2}local {5}agent-runtime {2}agent\.run, command\.run {2}session/m)
    })
  )

  it.scopedLive("whether the profiles are ready, with 1 when one is not", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* desk
      const ready = yield* run("doctor", "--json")
      assert.strictEqual(ready.code, 0)
      assert.match(ready.stdout, /^\{"ok":true,"runtimes":\[\{"ok":true,"runtime":"echo"/)

      const backend = { adapter: "local-process", account: "here", details: { command: ["no-such-program"] } }
      const profile = { provider: "local", account: "here", capability: "agent-runtime", backend: "desk" }
      yield* Effect.promise(() =>
        writeFile(
          join(folder, "c.json"),
          JSON.stringify({
            accounts: { here: { provider: "local", credentialSource: "none" } },
            backends: { desk: backend },
            runtimes: { mine: profile }
          })
        )
      )
      const broken = yield* run("doctor", "--config", "c.json")
      assert.strictEqual(broken.code, 1)
      assert.match(broken.stdout, /^mine \(local-process\): not ready$/m)
      assert.match(broken.stdout, /^ {2}FAIL \w+: .*no-such-program/m)
    })
  )
})
