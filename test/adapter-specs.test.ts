import { assert, describe, it } from "@effect/vitest"
import { Either, ParseResult } from "effect"
import { loaders, specs } from "../adapters/Registry.generated.js"
import { Details, Exited, SupervisorFailed, WorkerLost } from "../adapters/local-process/Spec.generated.js"
import { type AdapterSpec, detailSchema } from "../src/domain/AdapterSpec.js"
import { formatPath, schemaIssues } from "../src/domain/SchemaIssues.js"
import type { AdapterFailure } from "../src/services/Adapter.js"

const specOf = (name: string): AdapterSpec =>
  specs.find((spec) => spec.name === name) ?? assert.fail(`no spec "${name}"`)

const decoded = (schema: AdapterSpec["details"], details: unknown) =>
  ParseResult.decodeUnknownEither(schema)(details).pipe(
    Either.mapLeft((issue) => schemaIssues(issue).map(({ path, message }) => `${formatPath(path)}: ${message}`)),
    Either.merge
  )

describe("the details of local-process", () => {
  const { details } = specOf("local-process")

  it("have a default wherever nobody need say anything", () => {
    assert.deepStrictEqual(decoded(details, { command: ["agent", "{instruction}"] }), {
      command: ["agent", "{instruction}"],
      allow: [],
      env: ["PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "USER", "SHELL"],
      deadlineSeconds: 28800,
      outputLimitBytes: 67108864,
      graceSeconds: 5,
      interactive: false,
      isolation: "none"
    })
  })

  it("mean the same when decoded a second time", () => {
    const once = decoded(details, { allow: ["ls"], maxConcurrent: 2 })
    assert.deepStrictEqual(decoded(details, once), once)
    assert.deepStrictEqual(decoded(detailSchema(Details), once), once)
  })

  it("are refused with every mistake at its place", () => {
    assert.deepStrictEqual(
      decoded(details, { command: [], deadlineSeconds: 604801, allow: ["ls", 1], isolation: "docker", comand: ["x"] }),
      [
        'comand: is not a known key. Did you mean "command"? Known: command, allow, cwd, env, deadlineSeconds, outputLimitBytes, graceSeconds, interactive, isolation, repository, maxConcurrent',
        "command: expected an array of at least 1 item(s), got []",
        "allow[1]: expected string, got 1",
        "deadlineSeconds: expected a number between 1 and 604800, got 604801",
        'isolation: expected "none" | "worktree", got "docker"'
      ]
    )
  })

  it("leave to a call nothing but the deadline", () => {
    assert.deepStrictEqual(specOf("local-process").callerDetails, ["deadlineSeconds"])
  })

  it("have no counterpart in the account, where every key is refused", () => {
    const { accountDetails } = specOf("local-process")
    assert.deepStrictEqual(decoded(accountDetails, {}), {})
    assert.deepStrictEqual(decoded(accountDetails, { profile: "x" }), [
      "profile: is not a known key: nothing can be set here"
    ])
  })
})

describe("aws-agentcore", () => {
  const spec = specOf("aws-agentcore")

  it("takes the details of the contract's config, and keeps them beside the defaults", () => {
    const details = {
      region: "us-west-2",
      runtimeArn: "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/my-runtime",
      protocol: "a2a"
    }
    assert.deepInclude(decoded(spec.details, details), details)
    assert.deepInclude(decoded(spec.details, details), { a2aVersion: "0.3", maxLifetimeSeconds: 28800 })
  })

  it("asks in each mode for what the contract says it needs", () => {
    const asked = (mode: "session" | "runtime") =>
      spec.needs.filter(({ modes }) => modes.includes(mode)).map(({ id }) => id)
    assert.deepStrictEqual(asked("session"), ["runtimeArn"])
    assert.deepStrictEqual(asked("runtime"), ["ecrImageUri", "executionRoleArn"])
    assert.strictEqual(spec.needs[0]?.question, "Which AWS AgentCore runtime ARN should this cloud subagent use?")
    assert.strictEqual(spec.needs[0]?.environment, "AGENTDISPATCH_AGENTCORE_RUNTIME_ARN")
  })
})

describe("the registry", () => {
  it("loads a declared adapter exactly when it is built", () => {
    assert.deepStrictEqual(
      specs.map(({ name }) => name),
      ["local-process", "aws-agentcore", "github-lane"]
    )
    assert.deepStrictEqual(Object.keys(loaders), ["local-process", "aws-agentcore", "github-lane"])
  })
})

describe("a generated error", () => {
  it("is an adapter's failure: code, remedy, facts", () => {
    const failure: AdapterFailure = new Exited({ executable: "agent", exitCode: 3, lastLines: ["no key"] })
    assert.strictEqual(failure.code, "local_process.exited")
    assert.strictEqual(failure.message, '"agent" ended with exit code 3. Its log says why.')
    assert.deepStrictEqual([failure.retryable, failure.delivery], [false, "done"])
    assert.deepStrictEqual(failure.details, { executable: "agent", exitCode: 3, lastLines: ["no key"] })
  })

  it("may have a code of its own", () => {
    const failures: ReadonlyArray<AdapterFailure> = [
      new WorkerLost({ lastHeartbeat: "2026-01-01T00:00:00.000Z" }),
      new SupervisorFailed({ detail: "no space" })
    ]
    assert.deepStrictEqual(
      failures.map(({ code }) => code),
      ["worker.lost", "local_process.supervisor_failed"]
    )
  })
})
