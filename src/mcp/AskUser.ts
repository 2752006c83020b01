import { inputRequired } from "@modelcontextprotocol/server"
import { Clock, Effect } from "effect"
import { type Asked, Awaiting } from "../dispatch/Awaiting.js"
import type { DispatchError } from "../domain/DispatchError.js"
import { formOf } from "./Elicit.js"
import type { Reply } from "./Reply.js"
import { type Handle, handleId, keyOf } from "./TaskHandle.js"
import { update } from "./TasksExtension.js"
import type { CallContext, Core } from "./Tool.js"

/** A form that could not be read before it is taken away is not shown. */
const readable = 2
/** Clients give a call up after ten rounds. */
const mostRounds = 8

type Waited = Effect.Effect<Reply, DispatchError, Core>

/**
 * Waits for tasks, and asks the client's user whatever their agents ask meanwhile. A form that was put away is no
 * answer and is not shown again: the reply has its question.
 */
export const asking = (
  named: ReadonlyArray<string>,
  seconds: number,
  { forms }: CallContext,
  wait: (seconds: number) => Waited
): Waited =>
  Effect.gen(function* () {
    if (forms === undefined) return yield* wait(seconds)
    const { round, show } = forms
    const awaiting = yield* Awaiting
    const ids = (yield* awaiting.find(named)).map(({ id }) => id)
    const handle: Handle = { mode: "all", ids }
    const take = (responses: Readonly<Record<string, unknown>>) => update(handleId(handle), responses)
    let left = Math.min(seconds, round?.left ?? seconds)
    const spending = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.gen(function* () {
        const began = yield* Clock.currentTimeMillis
        const result = yield* effect
        left = Math.max(0, left - ((yield* Clock.currentTimeMillis) - began) / 1000)
        return result
      })
    if (round !== undefined) {
      const given = round.asked.map((key) => [key, round.responses[key]] as const)
      yield* take(Object.fromEntries(given.filter(([, response]) => isAnswer(response))))
      if (given.some(([, response]) => !isAnswer(response))) return yield* wait(0)
    }
    const rounds = (round?.rounds ?? 0) + 1
    for (;;) {
      const waited = yield* spending(Effect.raceFirst(wait(left), Effect.as(awaiting.openWhen(ids, some), undefined)))
      const open = yield* awaiting.open(ids)
      if (waited !== undefined && (open.length === 0 || isDone(waited))) return waited
      if (open.length === 0 && left > 0) continue
      const told = yield* wait(0)
      if (isDone(told)) return told
      if (show === undefined) {
        const requests = open.map(({ question, task }) => [
          keyOf(handle, task, question.key),
          inputRequired.elicit(formOf(question))
        ])
        return rounds > mostRounds || requests.length === 0
          ? told
          : { ...told, form: { requests: Object.fromEntries(requests), left, rounds } }
      }
      const [first] = open
      if (first === undefined || left < readable) return told
      const closed = awaiting.openWhen(ids, (still) => !still.some(same(first)))
      const shown = yield* spending(
        Effect.raceFirst(show(formOf(first.question), left), Effect.as(closed, "closed" as const))
      )
      if (shown === "closed" && !(yield* awaiting.open(ids)).some(same(first))) continue
      if (!isAnswer(shown)) return yield* wait(0)
      yield* take({ [keyOf(handle, first.task, first.question.key)]: shown })
    }
  })

const some = (open: ReadonlyArray<Asked>): boolean => open.length > 0

const same =
  (one: Asked) =>
  ({ question, task }: Asked): boolean =>
    task === one.task && question.key === one.question.key

/** Yes and no are answers; a form that was put away is none. */
const isAnswer = (response: unknown): boolean =>
  typeof response === "object" && response !== null && "action" in response && response.action !== "cancel"

const isDone = ({ structured }: Reply): boolean => structured?.["done"] === true
