import { assert } from "@effect/vitest"
import { Effect, Option, Random, Schema } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import { isTerminal } from "../../src/domain/Lifecycle.js"
import { CancelView } from "../../src/domain/TaskView.js"
import { type Answer, type Place, processesNaming, refusalOf } from "../support/Server.js"
import * as Bench from "../support/Workbench.js"
import type { Slot } from "./Fleet.js"
import { dispatch, kinds, type Kind, refusals } from "./Labour.js"

/** What the callers were told. */
export interface Told {
  /** Every id that was ever answered for a key. */
  readonly ids: Map<string, Set<string>>
  /** How often a call was refused with each code, or not answered at all. */
  readonly refused: Map<string, number>
  /** Tasks somebody was told are cancelled. */
  readonly cancelled: Set<string>
}

/** Comes back with an idempotency key until it has an id, then watches, answers or cancels; each choice is the seed's. */
export const caller = (at: Place, slots: ReadonlyArray<Slot>, told: Told) => {
  const count = (code: string) => told.refused.set(code, (told.refused.get(code) ?? 0) + 1)

  /** Nothing when there was no answer or a refusal that may pass; any other refusal is a fault. */
  const ask = (tool: string, args: JsonObject): Effect.Effect<Option.Option<Answer>> =>
    Effect.gen(function* () {
      const slot = slots[yield* Random.nextIntBetween(0, slots.length)]
      const answer = slot === undefined ? Option.none() : yield* slot.call(tool, args)
      if (Option.isNone(answer)) {
        count("no answer")
        return answer
      }
      if (!answer.value.isError) return answer
      const refusal = refusalOf(answer.value)
      const [code = ""] = refusal.split(": ")
      assert.isTrue(refusals.has(code), `${tool}: ${refusal}`)
      count(code)
      return Option.none()
    })

  const insist = (tool: string, args: JsonObject): Effect.Effect<Answer> =>
    Effect.flatMap(
      ask(tool, args),
      Option.match({
        onNone: () => Effect.zipRight(Effect.sleep("200 millis"), insist(tool, args)),
        onSome: Effect.succeed
      })
    )

  const accepted = (key: string, kind: Kind) =>
    Effect.map(
      Effect.suspend(() => {
        const { args, tool } = dispatch(at, kind)
        return insist(tool, { ...args, idempotency_key: key })
      }),
      (answer) => {
        const { taskId } = Bench.handleOf(answer)
        const known = told.ids.get(key) ?? new Set()
        told.ids.set(key, known.add(taskId))
        return taskId
      }
    )

  const cancelled = (task_id: string): Effect.Effect<void> =>
    Effect.gen(function* () {
      const answer = yield* ask("cancel_task", { task_id })
      const status = Option.map(answer, ({ value }) => decodeCancel(value).status)
      if (Option.contains(status, "cancelled")) {
        told.cancelled.add(task_id)
        assert.deepStrictEqual(processesNaming(`AGENTDISPATCH_TASK_ID=${task_id}`), [], "cancelled, and alive")
        return
      }
      const seen = yield* ask("get_task_status", { task_id })
      if (Option.exists(seen, (found) => isTerminal(Bench.statusOf(found).status))) return
      yield* Effect.sleep("300 millis")
      yield* cancelled(task_id)
    })

  const looked = (task_id: string) =>
    Effect.gen(function* () {
      const tool = yield* Random.choice(["get_task_status", "get_task_result", "get_task_logs"])
      const answer = yield* ask(tool, { task_id, ...(tool === "get_task_logs" ? { cursor: 0 } : {}) })
      if (tool !== "get_task_logs" && Option.isSome(answer)) assert.include(answer.value.text, task_id, tool)
      yield* Effect.sleep(yield* Random.nextIntBetween(50, 500))
    }).pipe(Effect.orDie)

  return (index: number, seed: string): Effect.Effect<void> =>
    Effect.gen(function* () {
      const kind = kindOf[yield* Random.nextIntBetween(0, kindOf.length)] ?? "steps"
      const key = `key-${index}`
      const task_id = yield* accepted(key, kind)
      // Somebody whose answer was lost asks again, and is told the same id.
      if ((yield* Random.next) < 0.3) yield* accepted(key, kind)
      yield* Effect.repeatN(looked(task_id), yield* Random.nextIntBetween(0, 3))
      if (kind === "asking") yield* ask("answer_task", { task_id, answers: { on: "yes" } })
      if (kind === "stubborn" || (yield* Random.next) < 0.2) yield* cancelled(task_id)
    }).pipe(Effect.withRandom(Random.make(`${seed}-${index}`)))
}

const kindOf: ReadonlyArray<Kind> = ["steps", "steps", "steps", ...kinds]

const decodeCancel = Schema.decodeUnknownSync(CancelView)
