import { Data, Predicate } from "effect"
import type { AdapterFailure } from "../../src/services/Adapter.js"
import type { Place } from "./Plan.js"
import {
  AccessDenied,
  ContainerError,
  CredentialsExpired,
  CredentialsMissing,
  InitTimeout,
  QuotaExceeded,
  RequestRefused,
  RuntimeNotFound,
  SessionBusy,
  Throttled,
  Unanswered,
  Unreachable
} from "./Spec.generated.js"

/**
 * What went wrong with one call. All but the last two kinds are answers given before the container saw anything;
 * `container` is the container's own refusal; after `ambiguous` nobody knows what the far side has done.
 */
export type FaultKind =
  | "unreachable"
  | "throttled"
  | "busy"
  | "conflict"
  | "init"
  | "quota"
  | "invalid"
  | "denied"
  | "expired"
  | "credentials"
  | "missing"
  | "container"
  | "ambiguous"

export class Fault extends Data.TaggedError("Fault")<{
  readonly kind: FaultKind
  readonly detail: string
  /** How long the service wants to be left alone, in milliseconds, where it said so. */
  readonly retryAfter?: number | undefined
}> {}

const neverConnected =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EAI_FAIL|EHOSTUNREACH|ENETUNREACH|ENETDOWN|CERT_.*|UNABLE_TO_.*|SELF_SIGNED_.*|DEPTH_ZERO_.*|ERR_TLS_.*)$/

const byStatus: Readonly<Record<number, FaultKind>> = {
  400: "invalid",
  401: "denied",
  402: "quota",
  403: "denied",
  404: "missing",
  429: "throttled"
}

const stringAt = (value: unknown, key: string): string | undefined =>
  Predicate.hasProperty(value, key) && typeof value[key] === "string" ? value[key] : undefined

const numberAt = (value: unknown, key: string): number | undefined =>
  Predicate.hasProperty(value, key) && typeof value[key] === "number" ? value[key] : undefined

const kindOf = (error: unknown, status: number | undefined): FaultKind => {
  const name = stringAt(error, "name") ?? ""
  const code = stringAt(error, "code") ?? ""
  const message = stringAt(error, "message") ?? ""
  if (
    /^(Expired|RequestExpired|RequestTimeTooSkewed)/.test(name) ||
    /security token .* expired|Signature expired/i.test(message)
  )
    return "expired"
  if (status !== undefined) {
    if (name === "RetryableConflictException") return "busy"
    if (status === 409) return "conflict"
    if (status === 424)
      return /initialization/i.test(message) ? "init" : /Received error/i.test(message) ? "container" : "ambiguous"
    return byStatus[status] ?? "ambiguous"
  }
  if (/Credentials|TokenProvider/.test(name) || /credential/i.test(message)) return "credentials"
  if (message.startsWith("Region is missing")) return "invalid"
  const connecting = stringAt(error, "syscall") === "connect" || /did not establish a connection/.test(message)
  return neverConnected.test(code) || connecting ? "unreachable" : "ambiguous"
}

/** What a `Retry-After` header says (RFC 9110, 10.2.3), in milliseconds; dates are not used by AWS and read as nothing. */
const retryAfterOf = (error: unknown): number | undefined => {
  const response = Predicate.hasProperty(error, "$response") ? error.$response : undefined
  const headers = Predicate.hasProperty(response, "headers") ? response.headers : undefined
  const seconds = Number(stringAt(headers, "retry-after") ?? Number.NaN)
  return Number.isFinite(seconds) && seconds > 0 ? Math.ceil(seconds * 1_000) : undefined
}

/** The SDK's error, classified; its text holds no credentials. */
export const faultOf = (error: unknown): Fault => {
  const metadata = Predicate.hasProperty(error, "$metadata") ? error.$metadata : undefined
  const status = numberAt(metadata, "httpStatusCode")
  const request = stringAt(metadata, "requestId")
  const name = stringAt(error, "name") ?? "Error"
  const message = stringAt(error, "message") || stringAt(error, "code") || "no reason was given"
  return new Fault({
    kind: kindOf(error, status),
    detail: `${name}: ${message.slice(0, 500)}${request === undefined ? "" : ` (request ${request})`}`,
    retryAfter: retryAfterOf(error)
  })
}

/** Answers given before anything was executed. */
export const isUndelivered = ({ kind }: Fault): boolean => kind !== "ambiguous" && kind !== "container"

/** The longest that one call waits for a service that wants to be left alone, in milliseconds. */
const shortPause = 2_000

/** May help to wait a little for. */
export const isPassing = ({ kind, retryAfter = 0 }: Fault): boolean =>
  (kind === "throttled" || kind === "busy") && retryAfter <= shortPause

/** The fault as a task's failure; `permission` is the one the call needs. */
export const failureOf = (
  { kind, detail, retryAfter }: Fault,
  { place, permission, resource }: { readonly place: Place; readonly permission: string; readonly resource: string }
): AdapterFailure => {
  switch (kind) {
    case "unreachable":
      return new Unreachable({ detail })
    case "throttled":
      return postponed(new Throttled({ detail }), retryAfter)
    case "busy":
    case "conflict":
      return new SessionBusy({ detail })
    case "init":
      return new InitTimeout({ detail })
    case "quota":
      return new QuotaExceeded({ detail })
    case "invalid":
      return new RequestRefused({ detail })
    case "denied":
      return new AccessDenied({ detail, permission })
    case "expired":
      return new CredentialsExpired({ detail })
    case "credentials":
      return new CredentialsMissing({ credentialSource: place.credentialSource, detail })
    case "missing":
      return new RuntimeNotFound({ resource, detail })
    case "container":
      return new ContainerError({ detail })
    case "ambiguous":
      return new Unanswered({ detail })
  }
}

const postponed = (failure: AdapterFailure, retryAfter: number | undefined): AdapterFailure => {
  if (retryAfter === undefined) return failure
  const { code, delivery, details, message, retryable } = failure
  return { code, delivery, details, message, retryable, retryAfter }
}
