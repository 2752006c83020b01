import { Schema } from "effect"
import { Json } from "./Json.js"
import { NewArtifact, TaskError } from "./Task.js"
import { NewTaskEvent } from "./TaskEvent.js"
import { Answer } from "./TaskQuestion.js"

const Count = Schema.Int.pipe(Schema.nonNegative())
const Seconds = Schema.Number.pipe(Schema.positive())
const TaskName = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200))

/** The work itself, as every AgentCore app gets it (contract, part 4). */
export const WorkerPayload = Schema.Struct({
  taskType: Schema.Literal("agent.run", "command.run"),
  input: Json,
  metadata: Schema.optional(Json),
  prompt: Schema.optional(Schema.String),
  context: Schema.optional(Json),
  framework: Schema.optional(Schema.String)
})
export type WorkerPayload = typeof WorkerPayload.Type

const common = { v: Schema.Literal(1), taskId: TaskName }

/** Begins the work unless this worker has it already; answered before the work says anything. */
export const StartRequest = Schema.Struct({
  ...common,
  op: Schema.Literal("start"),
  /** The same token again is the same start; another one for a known task is a conflict. */
  startToken: TaskName,
  attempt: Count,
  payload: WorkerPayload,
  /** The worker ends the work itself after so long. */
  deadlineSeconds: Seconds,
  /** Without a poll for so long the worker cancels the work itself. */
  leaseSeconds: Schema.optional(Seconds),
  /** So long a finished result waits for its acknowledgement, keeping the session alive. */
  lingerSeconds: Seconds
})

/** What happened after the cursor; renews the lease and never starts anything. */
export const PollRequest = Schema.Struct({
  ...common,
  op: Schema.Literal("poll"),
  /** The number of the last event the caller has; 0 for none. */
  cursor: Count,
  waitMs: Schema.Int.pipe(Schema.between(0, 25_000)),
  maxEvents: Schema.Int.pipe(Schema.between(1, 10_000)),
  maxBytes: Schema.Int.pipe(Schema.between(1_000, 16_000_000))
})

export const CancelRequest = Schema.Struct({ ...common, op: Schema.Literal("cancel"), reason: Schema.String })

/** A piece of the result's JSON text, for results above the inline limit; positions are bytes of UTF-8. */
export const ResultRequest = Schema.Struct({
  ...common,
  op: Schema.Literal("result"),
  offset: Count,
  limit: Schema.Int.pipe(Schema.between(1, 16_000_000))
})

/** A piece of an artifact's bytes. */
export const ArtifactRequest = Schema.Struct({
  ...common,
  op: Schema.Literal("artifact"),
  uri: Schema.String,
  offset: Count,
  limit: Schema.Int.pipe(Schema.between(1, 16_000_000))
})

/** The dispatcher has outcome and artifacts on disk: the session may end. */
export const AckRequest = Schema.Struct({ ...common, op: Schema.Literal("ack") })

/** A message for the running or finished work; the same message id is one message. */
export const MessageRequest = Schema.Struct({
  ...common,
  op: Schema.Literal("message"),
  messageId: TaskName,
  text: Schema.String
})

/**
 * The answer to a question the work asked with `task.input_required`, under the key that its event has. The first one
 * of a key counts and is journaled before the work hears it; the same question again is the same answer.
 */
export const AnswerRequest = Schema.Struct({
  ...common,
  op: Schema.Literal("answer"),
  key: TaskName,
  answer: Answer
})

/** Who is there; executes nothing. */
export const HelloRequest = Schema.Struct({ v: Schema.Literal(1), op: Schema.Literal("hello") })

/**
 * `dispatch/1`: how a dispatcher and a worker speak about one long task over an invocation that ends within seconds.
 * Every request is `{"dispatch": {…}}` in a `POST /invocations`; the transport always answers 200 with one envelope,
 * because a platform that sees another status throws the body away.
 */
export const WorkerRequest = Schema.Struct({
  dispatch: Schema.Union(
    StartRequest,
    PollRequest,
    CancelRequest,
    ResultRequest,
    ArtifactRequest,
    AckRequest,
    MessageRequest,
    AnswerRequest,
    HelloRequest
  )
})
export type WorkerRequest = typeof WorkerRequest.Type

/**
 * Where the work stands at the worker. `unknown`: this worker never got it, or lost it with its memory;
 * `interrupted`: an earlier boot of the session had it and its end is not known; `input_required`: the work has asked
 * something and `answer` would reach it. Terminal: the last four of the others.
 */
export const WorkerState = Schema.Literal(
  "accepted",
  "running",
  "input_required",
  "succeeded",
  "failed",
  "cancelled",
  "expired",
  "unknown",
  "interrupted"
)
export type WorkerState = typeof WorkerState.Type

/** `boot` is minted in the first request after the process or its snapshot came up, never at start. */
const envelope = { v: Schema.Literal(1), boot: Schema.String, bootAgeMs: Count, taskId: Schema.optional(TaskName) }

/** A result that is too large to travel inline. */
export const ResultReference = Schema.Struct({
  bytes: Count,
  /** SHA-256 of the result's JSON text, in hex. */
  sha256: Schema.String
})

export const WorkerEventRecord = Schema.Struct({ seq: Schema.Int, at: Schema.Int, event: NewTaskEvent })

export const StateReply = Schema.Struct({
  ...envelope,
  state: WorkerState,
  /** `start`: whether this call was the one that began the work. */
  fresh: Schema.optional(Schema.Boolean),
  /** The number of the newest event. */
  seq: Schema.optional(Count),
  events: Schema.optional(Schema.Array(WorkerEventRecord)),
  /** Events up to and including this number fell out of the ring before they were asked for. */
  truncatedBefore: Schema.optional(Schema.Int),
  result: Schema.optional(Json),
  resultRef: Schema.optional(ResultReference),
  artifacts: Schema.optional(Schema.Array(NewArtifact)),
  error: Schema.optional(TaskError),
  /** `message`, `answer`: whether this call was the one that delivered it. */
  delivered: Schema.optional(Schema.Boolean),
  previousBoot: Schema.optional(Schema.String)
})

/** A piece of a result or an artifact, as base64, with the hash of the whole. */
export const ChunkReply = Schema.Struct({
  ...envelope,
  offset: Count,
  bytes: Count,
  sha256: Schema.String,
  data: Schema.String
})

export const HelloReply = Schema.Struct({
  ...envelope,
  worker: Schema.String,
  protocols: Schema.Array(Schema.String),
  limits: Schema.Struct({ inlineResultBytes: Count, ringEvents: Count }),
  tasks: Schema.Array(Schema.String)
})

/** The request itself could not be carried out: `conflict`, `invalid`, `not_found`, `busy`. */
export const RefusalReply = Schema.Struct({
  ...envelope,
  refused: Schema.Struct({ code: Schema.String, message: Schema.String })
})

export const WorkerReply = Schema.Union(StateReply, ChunkReply, HelloReply, RefusalReply)
export type WorkerReply = typeof WorkerReply.Type
