import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { readArn } from "../adapters/aws-agentcore/Plan.js"
import type { JsonObject } from "../src/domain/Json.js"
import type { RoutedRequest, Task } from "../src/domain/Task.js"
import { begin, call, cleaned, draft, watch } from "./support/AdapterDrive.js"
import {
  alive,
  arns,
  disturb,
  emulator,
  image,
  layer,
  liar,
  request,
  script,
  sessionIdOf,
  stranger
} from "./support/AgentCoreWork.js"

const callsOf = ({ id }: Task) => emulator.ledgers.invocations.filter(({ sessionId }) => sessionId === sessionIdOf(id))

const starts = ({ id }: Task) => emulator.ledgers.deliveries({ sessionId: sessionIdOf(id), method: "start" }).length

/** Cleans up after a start that did not come about. */
const swept = (task: Task) =>
  Effect.gen(function* () {
    const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
    yield* cleaned(layer, task, resources)
    assert.isFalse(alive(task.id))
  })

/** Refused by name at the first step and at the start, and nothing was sent to anybody. */
const refused = (work: RoutedRequest, path: string, words: RegExp) =>
  Effect.gen(function* () {
    const task = draft(work)
    for (const step of ["prepare", "provision", "start"] as const) {
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter[step](task)))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.setting_invalid", "none"])
      assert.match(failure.message, new RegExp(`^${path}: `))
      assert.match(failure.message, words)
    }
    assert.isEmpty(callsOf(task))
  })

describe("a session id", () => {
  it("is as long as the service wants it, whatever the task is called", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string(), (id) => {
        assert.match(sessionIdOf(id), /^ad-[0-9a-f]{32}$/)
        assert.isAtLeast(sessionIdOf(id).length, 33)
      })
    )
  })

  it.live("is never one that came with the details", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, draft(script("true", { sessionId: "short" })))
      assert.strictEqual(task.providerRefs["sessionId"], sessionIdOf(task.id))
      yield* watch(layer, task)
      yield* cleaned(layer, task, resources)
      assert.isEmpty(emulator.ledgers.invocations.filter(({ sessionId }) => sessionId === "short"))
    })
  )
})

describe("an ARN", () => {
  const malformed = [
    "my-runtime",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:agent/my-runtime",
    "arn:aws:bedrock-agentcore:us-east-1:12345:runtime/my-runtime",
    "arn:aws:bedrock-agentcore::123456789012:runtime/my-runtime",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/9lives",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/a/runtime-endpoint/b",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/../../x",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/my-runtime\n",
    " arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/my-runtime"
  ]
  for (const runtimeArn of malformed) {
    it.live(`that is malformed is refused before anything is sent: ${JSON.stringify(runtimeArn)}`, () =>
      refused(request({ runtimeArn }, { instruction: "x" }), "runtimeArn", /is no runtime ARN; expected arn:aws:/)
    )
  }

  it("of any partition, region and name is read back whole", () => {
    const one = (pattern: RegExp) => FastCheck.stringMatching(pattern)
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom("aws", "aws-cn", "aws-us-gov"),
        one(/^[a-z]{2}-[a-z]{4,9}-[1-9]$/),
        one(/^[A-Za-z][A-Za-z0-9_]{0,40}-[A-Za-z0-9]{10}$/),
        (partition, region, id) => {
          const text = `arn:${partition}:bedrock-agentcore:${region}:123456789012:runtime/${id}`
          assert.deepEqual(readArn(text), { region, id })
        }
      )
    )
  })

  it.live("of another region than the one configured is refused, wherever the region was configured", () =>
    Effect.gen(function* () {
      const runtimeArn = arns.ours.replace("us-east-1", "eu-west-1")
      const words = /is us-east-1, but the runtime is in eu-west-1; make them agree/
      yield* refused(request({ runtimeArn }, { instruction: "x" }), "region", words)
      const work = request({ runtimeArn, region: "us-east-1" }, { instruction: "x" })
      const { region: _region, ...account } = work.account
      yield* refused({ ...work, account }, "region", words)
    })
  )

  it.live("says the region where none is configured", () =>
    Effect.gen(function* () {
      const work = script("echo done")
      const { region: _region, ...account } = work.account
      const { task, resources } = yield* begin(layer, draft({ ...work, account }))
      assert.isTrue((yield* watch(layer, task)).outcome.ok)
      yield* cleaned(layer, task, resources)
    })
  )
})

describe("a runtime that is to be made", () => {
  const executionRoleArn = "arn:aws:iam::123456789012:role/agent"
  const rows: ReadonlyArray<readonly [string, JsonObject, string, RegExp]> = [
    ["without a role", { ecrImageUri: image }, "executionRoleArn", /is missing; name the role it runs under/],
    [
      "under a role that is none",
      { ecrImageUri: image, executionRoleArn: "arn:aws:iam::123456789012:user/me" },
      "executionRoleArn",
      /is no role ARN; expected arn:aws:iam::ACCOUNT:role/
    ],
    ["without an image", { executionRoleArn }, "ecrImageUri", /is missing; name the image/],
    [
      "from an image of another registry",
      { ecrImageUri: "docker.io/library/node:20", executionRoleArn },
      "ecrImageUri",
      /is no private ECR image/
    ]
  ]
  for (const [what, details, path, words] of rows) {
    it.live(`is refused before anything is made: ${what}`, () =>
      refused(request(details, { instruction: "x" }, { mode: "runtime" }), path, words)
    )
  }
})

const lies = ["text", "shape", "html", "empty", "version"]

describe.concurrent("a worker that answers nonsense", () => {
  for (const LIE of lies) {
    it.live(`to "hello" is no worker, and nothing is sent to it (${LIE})`, () =>
      Effect.gen(function* () {
        const task = draft(script("true", { runtimeArn: liar({ LIE, LIE_AT: "hello" }) }))
        const failure = yield* Effect.flip(begin(layer, task))
        assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.not_a_worker", "none"])
        assert.strictEqual(starts(task), 0)
        yield* swept(task)
      })
    )

    it.live(`to "start" is asked what became of it, and is started once (${LIE})`, () =>
      Effect.gen(function* () {
        const { task } = yield* begin(layer, draft(script("true", { runtimeArn: liar({ LIE, LIE_AT: "start" }) })))
        assert.strictEqual(starts(task), 1)
        yield* swept(task)
      })
    )

    it.live(`to a look or with its result is told as such, and may be asked again (${LIE})`, () =>
      Effect.gen(function* () {
        for (const LIE_AT of ["poll", "result"]) {
          const { task } = yield* begin(layer, draft(script("true", { runtimeArn: liar({ LIE, LIE_AT }) })))
          const failure = yield* Effect.flip(call(layer, (adapter) => adapter.observe(task)))
          assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.answer_invalid", true], LIE_AT)
          assert.include(failure.message, LIE_AT)
          yield* swept(task)
        }
      })
    )

    it.live(`to the last words leaves nothing behind (${LIE})`, () =>
      Effect.gen(function* () {
        const { task } = yield* begin(layer, draft(script("true", { runtimeArn: liar({ LIE, LIE_AT: "ack" }) })))
        const failure = yield* Effect.flip(call(layer, (adapter) => adapter.finish(task)))
        assert.strictEqual(failure.code, "aws_agentcore.answer_invalid")
        yield* swept(task)
        const { task: other } = yield* begin(
          layer,
          draft(script("true", { runtimeArn: liar({ LIE, LIE_AT: "cancel" }) }))
        )
        assert.deepInclude(yield* call(layer, (adapter) => adapter.cancel(other)), { state: "stopped" })
        yield* swept(other)
      })
    )
  }

  it.live("with the wrong hash of its result is not believed", () =>
    Effect.gen(function* () {
      const { task } = yield* begin(layer, draft(script("true", { runtimeArn: liar({}) })))
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter.observe(task)))
      assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.result_corrupt", true])
      yield* swept(task)
    })
  )
})

describe.concurrent("an A2A server that answers nonsense", () => {
  for (const a2aVersion of ["0.3", "1.0"])
    for (const LIE of ["text", "shape", "html", "empty", "rpc"]) {
      it.live(`is not taken to have succeeded, and is sent the message once (${a2aVersion}, ${LIE})`, () =>
        Effect.gen(function* () {
          const LIE_AT = a2aVersion === "0.3" ? "message/send" : "SendMessage"
          const runtimeArn = liar({ LIE, LIE_AT }, "A2A")
          const task = draft(request({ runtimeArn, a2aVersion }, { instruction: "x" }, { protocol: "a2a" }))
          const failure = yield* Effect.flip(begin(layer, task))
          assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.answer_invalid", "unknown"])
          assert.strictEqual(callsOf(task).filter(({ method }) => method === LIE_AT).length, 1)
          yield* swept(task)
        })
      )
    }
})

describe.concurrent("an app of any kind that answers oddly", () => {
  const answered = (prompt: JsonObject, kind?: "tear-chunks") =>
    Effect.gen(function* () {
      const task = draft(stranger(prompt))
      if (kind !== undefined) yield* disturb(kind, task.id, { when: "after" })
      const { task: begun, resources } = yield* begin(layer, task)
      const seen = yield* watch(layer, begun)
      yield* cleaned(layer, begun, resources)
      assert.isFalse(alive(task.id))
      return seen
    })

  it.live("has its page for people as the result, as the contract wants", () =>
    Effect.gen(function* () {
      const page = "<html><body>It works!</body></html>"
      const { outcome } = yield* answered({ raw: page, type: "text/html" })
      assert.deepEqual(outcome, { ok: true, result: page })
    })
  )

  it.live("is broken off where it promised JSON and sent nothing", () =>
    Effect.gen(function* () {
      const { outcome } = yield* answered({ raw: "" })
      assert.isFalse(outcome.ok)
      if (!outcome.ok) assert.strictEqual(outcome.error.code, "aws_agentcore.stream_broken")
    })
  )

  it.live("may have its characters torn on the wire, whole or streamed", () =>
    Effect.gen(function* () {
      // Pieces of seven bytes fall into every kind of character.
      const output = "😀".repeat(9) + "ü".repeat(9) + "漢".repeat(9)
      const answer = JSON.stringify({ ok: true, output })
      for (const prompt of [{ raw: answer }, { type: "text/event-stream", raw: [`data: ${answer}\n\n`] }])
        assert.deepEqual((yield* answered(prompt, "tear-chunks")).outcome, { ok: true, result: output })
    })
  )
})
