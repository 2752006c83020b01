import { Effect, Schema } from "effect"
import { FollowUp, MessageView } from "../dispatch/FollowUp.js"
import { ArtifactPage, TaskArtifacts } from "../dispatch/TaskArtifacts.js"
import * as Fields from "./Fields.js"
import * as Reply from "./Reply.js"
import { tool } from "./Tool.js"

const defaultPage = 8_000

export const sendTaskMessage = tool(
  {
    title: "Message the agent",
    description:
      "Says something more to the agent that has a task, in the session it works in, and tells whether it arrived.",
    readOnly: false,
    idempotent: false
  },
  Schema.Struct({
    task_id: Fields.taskId,
    text: Schema.String,
    message_id: Fields.optional(
      Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200)),
      "Repeat it and the message is not delivered twice"
    )
  }),
  MessageView,
  (args) =>
    Effect.flatMap(FollowUp, (followUp) => followUp.send(args.task_id, args.text, args.message_id)).pipe(
      Effect.map(Reply.value)
    )
)

export const getTaskArtifact = tool(
  {
    title: "Read an artifact",
    description: "One page of an artifact that get_task_result lists. Go on with nextOffset until it is totalBytes.",
    readOnly: true,
    idempotent: true
  },
  Schema.Struct({
    task_id: Fields.taskId,
    artifact_id: Schema.String,
    offset: Fields.optional(Schema.Int.pipe(Schema.nonNegative()), "Bytes to skip (default 0)"),
    limit: Fields.optional(Schema.Int.pipe(Schema.between(4, 64_000)), `Bytes to return (default ${defaultPage})`)
  }),
  ArtifactPage,
  (args) =>
    Effect.flatMap(TaskArtifacts, (artifacts) =>
      artifacts.read(args.task_id, args.artifact_id, { offset: args.offset ?? 0, limit: args.limit ?? defaultPage })
    ).pipe(Effect.map(Reply.value))
)
