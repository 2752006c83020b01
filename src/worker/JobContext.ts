import { Effect, Schema } from "effect"
import { formatIssues, type Json } from "../domain/Json.js"
import { TaskUnusable } from "./WorkerError.js"

/** A framework's own view of the context; keys it does not know are somebody else's and stay. */
export const decodeContext = <A, I>(schema: Schema.Schema<A, I>, context: Json | undefined) =>
  Schema.decodeUnknown(schema)(context ?? {}, { errors: "all" }).pipe(
    Effect.mapError((error) => new TaskUnusable({ problem: describe("context", error) }))
  )

/** One line that names each wrong field below `root`. */
export const describe = (root: string, error: Parameters<typeof formatIssues>[0]) =>
  formatIssues(error)
    .map(({ path, message }) =>
      [[root, path].filter((part) => part !== "").join("."), message].filter((part) => part !== "").join(": ")
    )
    .join("; ")
