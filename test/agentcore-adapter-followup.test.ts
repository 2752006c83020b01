import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Task } from "../src/domain/Task.js"
import { begin, call, cleaned, draft, watch } from "./support/AdapterDrive.js"
import { alive, disturb, emulator, layer, script, sessionIdOf } from "./support/AgentCoreWork.js"

const begun = (instruction: string, details = {}) => begin(layer, draft(script(instruction, details)))

const machinesOf = ({ id }: Task) =>
  emulator.ledgers.billing().filter(({ sessionId }) => sessionId === sessionIdOf(id)).length

describe.concurrent("a message to running work", () => {
  const send = (task: Task, id: string, text: string) =>
    call(layer, (adapter) => adapter.send?.(task, { id, text }) ?? Effect.die("no send"))

  it.live("reaches it once, however often it is sent and however the answer is lost", () =>
    Effect.gen(function* () {
      const echo = script("")
      const { task, resources } = yield* begin(
        layer,
        draft({ ...echo, input: { instruction: "hi", framework: "echo", context: { delayMs: 4000, steps: 40 } } })
      )
      const running = { ...task, status: "running" as const }
      yield* Effect.sleep("200 millis")
      yield* disturb("reset", task.id, { when: "after", match: { method: "message" } })
      assert.deepEqual(yield* send(running, "m1", "more"), { delivery: "delivered" })
      assert.deepEqual(yield* send(running, "m1", "more"), { delivery: "delivered" })
      const { outcome } = yield* watch(layer, task)
      if (!outcome.ok) return assert.fail(outcome.error.message)
      assert.include(JSON.stringify(outcome.result), '"messages":[')
      assert.strictEqual(JSON.stringify(outcome.result).split("more").length - 1, 1)
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("is refused once the task has ended, and brings no machine up", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("echo done")
      yield* watch(layer, task)
      yield* cleaned(layer, task, resources)
      const failure = yield* Effect.flip(send({ ...task, status: "succeeded" }, "m1", "more"))
      assert.strictEqual(failure.code, "aws_agentcore.message_refused")
      assert.strictEqual(machinesOf(task), 1)
    })
  )
})

describe.concurrent("an artifact", () => {
  it.live("is read piece by piece with the hash of the whole, also when its session has ended", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun(
        'mkdir -p "$AGENTDISPATCH_ARTIFACT_DIR"; printf abcdefghij > "$AGENTDISPATCH_ARTIFACT_DIR/letters.txt"; echo ok'
      )
      const { artifacts, outcome } = yield* watch(layer, task)
      assert.isTrue(outcome.ok)
      const [artifact] = artifacts
      if (artifact === undefined) return assert.fail("no artifact was listed")
      yield* cleaned(layer, task, resources)
      assert.isFalse(alive(task.id))
      const read = (uri: string, offset: number) =>
        call(
          layer,
          (adapter) =>
            adapter.readArtifact?.(
              { ...task, status: "succeeded" },
              { ...artifact, uri, id: "a", createdAt: 0 },
              { offset, limit: 4 }
            ) ?? Effect.die("cannot read")
        )
      const first = yield* read(artifact.uri, 0)
      assert.deepEqual([Buffer.from(first.data).toString(), first.totalBytes], ["abcd", 10])
      assert.strictEqual(Buffer.from((yield* read(artifact.uri, 8)).data).toString(), "ij")
      assert.strictEqual(first.sha256, "72399361da6a7754fec986dca5b7cbaf1c810a28ded4abaf56b2106d06cb78b0")
      const failure = yield* Effect.flip(read("file:///etc/passwd", 0))
      assert.strictEqual(failure.code, "aws_agentcore.artifact_unavailable")
      assert.strictEqual(machinesOf(task), 1)
    })
  )

  it.live("beyond the limit is left behind, and the log says so", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun(
        'printf abcdefghij > "$AGENTDISPATCH_ARTIFACT_DIR/letters.txt"; echo ok',
        { artifactLimitBytes: 9 }
      )
      const { artifacts, outcome, entries } = yield* watch(layer, task)
      assert.isTrue(outcome.ok)
      assert.strictEqual(artifacts.length, 1)
      assert.match(JSON.stringify(entries), /10 bytes.*artifactLimitBytes/)
      yield* cleaned(layer, task, resources)
    })
  )
})
