import { Schema } from "effect"
import {
  AwsError,
  containerFailed,
  denied,
  initTimeExceeded,
  invalid,
  notFound,
  quotaExceeded,
  throttled
} from "./AwsError.js"
import { conflict, retryableConflict } from "./AwsError.js"

/** Answers of the service or of what stands before it. */
const answers = {
  throttling: () => throttled(),
  "internal-error": () => new AwsError(500, "InternalServerException", "The service encountered an internal error"),
  "bad-gateway": () => new AwsError(502, "", "Bad Gateway"),
  "service-unavailable": () => new AwsError(503, "", "Service Unavailable"),
  "gateway-timeout": () => new AwsError(504, "", "Gateway Timeout"),
  "request-timeout": () => new AwsError(408, "", "Request Timeout"),
  "retryable-conflict": () => retryableConflict(),
  conflict: () => conflict("Another operation is in progress"),
  "access-denied": () => denied("User is not authorized to perform this operation"),
  unauthorized: () => new AwsError(401, "UnauthorizedException", "Unauthorized"),
  "expired-credentials": () => denied("The security token included in the request is expired", "ExpiredTokenException"),
  "clock-skew": () =>
    denied("Signature expired: the request's date is too far from the server's", "InvalidSignatureException"),
  "not-found": () => notFound("Session not found or already terminated"),
  validation: () => invalid("The request is not valid"),
  quota: () => quotaExceeded("Account quota exceeded"),
  "runtime-error": () => containerFailed(500),
  "init-timeout": () => initTimeExceeded()
} as const

const AnswerKind = Schema.Literal(
  "throttling",
  "internal-error",
  "bad-gateway",
  "service-unavailable",
  "gateway-timeout",
  "request-timeout",
  "retryable-conflict",
  "conflict",
  "access-denied",
  "unauthorized",
  "expired-credentials",
  "clock-skew",
  "not-found",
  "validation",
  "quota",
  "runtime-error",
  "init-timeout"
)
const isAnswer = Schema.is(AnswerKind)

const Kind = Schema.Literal(
  ...AnswerKind.literals,
  /** The connection goes, and for `ms` no other is taken. */
  "refuse",
  /** The connection is reset. */
  "reset",
  /** No answer at all. */
  "hang",
  /** The answer begins, then: a reset, a clean end that says nothing, no further byte. */
  "reset-mid-stream",
  "silent-fin",
  "stall",
  /** The answer's bytes in pieces of a few, each sent alone. */
  "tear-chunks",
  /** One letter of the answer, `afterBytes` in, is another; its shape stays. */
  "corrupt",
  /** The body is not what its content type says. */
  "malformed-json",
  "malformed-sse",
  /** The request goes into the container twice; later by `ms`. */
  "duplicate",
  "delay",
  /** The machine dies `ms` after delivery: at once, with SIGTERM and grace, as an idle one; `recycle`: just before delivery. */
  "vm-kill",
  "vm-terminate",
  "idle-reap",
  "recycle",
  /** The next machine's worker is not asked before `ms`, or never. */
  "slow-start",
  "never-ready",
  /** A command's stream ends in an exception frame. */
  "exception-frame",
  /** The resource's next end state; `stuck`: none before `ms` are over or `unstick` is called. */
  "create-failed",
  "update-failed",
  "delete-failed",
  "stuck"
)

/**
 * One disturbance. It meets the `nth` call of `op` (and of `match`) and the `times - 1` after it; 0 times is for ever.
 * `before`: the container never hears of the call. `sent`: as soon as the request is in the container.
 * `after`: once the container began to answer, or the service did what was asked.
 */
export const Fault = Schema.Struct({
  op: Schema.String,
  kind: Kind,
  when: Schema.optionalWith(Schema.Literal("before", "sent", "after"), { default: () => "before" }),
  nth: Schema.optionalWith(Schema.Int.pipe(Schema.positive()), { default: () => 1 }),
  times: Schema.optionalWith(Schema.Int.pipe(Schema.nonNegative()), { default: () => 1 }),
  match: Schema.optional(
    Schema.Struct({
      sessionId: Schema.optional(Schema.String),
      taskId: Schema.optional(Schema.String),
      method: Schema.optional(Schema.String),
      accessKeyId: Schema.optional(Schema.String)
    })
  ),
  /** Real milliseconds, for the kinds that last. */
  ms: Schema.optional(Schema.Number),
  /** For the kinds that cut an answer: after so many of its bytes; after the first chunk when absent. */
  afterBytes: Schema.optional(Schema.Int)
})
export type Fault = typeof Fault.Type
export type NewFault = typeof Fault.Encoded

export interface Subject {
  readonly op: string
  readonly sessionId?: string | undefined
  readonly taskId?: string | undefined
  readonly method?: string | undefined
  readonly accessKeyId?: string | undefined
}

/** The answer a fault stands for; nothing for the kinds that are no answer. */
export const answerOf = (fault: Fault) => (isAnswer(fault.kind) ? answers[fault.kind]() : undefined)

const meets = (fault: Fault, subject: Subject) =>
  (fault.op === "*" || fault.op === subject.op) &&
  (fault.match?.sessionId === undefined || fault.match.sessionId === subject.sessionId) &&
  (fault.match?.taskId === undefined || fault.match.taskId === subject.taskId) &&
  (fault.match?.method === undefined || fault.match.method === subject.method) &&
  (fault.match?.accessKeyId === undefined || fault.match.accessKeyId === subject.accessKeyId)

export class Faults {
  private held: Array<() => void> = []
  private rules: Array<{ readonly fault: Fault; seen: number; readonly resolve: () => void }> = []

  /** Adds a fault; the promise resolves when it first strikes. */
  add(given: NewFault): Promise<void> {
    const fault = Schema.decodeUnknownSync(Fault)(given)
    return new Promise((resolve) => this.rules.push({ fault, seen: 0, resolve }))
  }

  /** Keeps a stuck change until `release`. */
  hold(goOn: () => void) {
    this.held.push(goOn)
  }

  /** Lets every stuck change go on to its end. */
  release() {
    for (const goOn of this.held.splice(0)) goOn()
  }

  clear() {
    this.rules = []
  }

  list() {
    return this.rules.map(({ fault, seen }) => ({ ...fault, seen }))
  }

  /** Counts the call against every fault and answers with the first that strikes. */
  take(subject: Subject): Fault | undefined {
    const striking = this.rules.filter((rule) => {
      if (!meets(rule.fault, subject)) return false
      rule.seen += 1
      const { nth, times } = rule.fault
      return rule.seen >= nth && (times === 0 || rule.seen < nth + times)
    })
    const [first] = striking
    first?.resolve()
    return first?.fault
  }
}
