import { createHash, randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import { TaskId } from "../domain/Task.js"
import { Ids, spell } from "../services/Ids.js"

const token = Effect.sync(() => spell(randomBytes(26)))

/** 130 random bits an id. */
export const layer = Layer.succeed(Ids, {
  taskId: Effect.map(token, (characters) => TaskId.make(`task_${characters}`)),
  token,
  digest: (text) => Effect.sync(() => createHash("sha256").update(text).digest("hex"))
})
