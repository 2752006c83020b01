import { type IncomingMessage } from "node:http"
import { denied } from "./AwsError.js"
import { header } from "./Wire.js"

export interface Caller {
  readonly accessKeyId: string
  readonly region: string
  readonly service: string
  readonly attempt: number | undefined
  readonly invocationId: string | undefined
}

const scope =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=[^,]+, ?Signature=[0-9a-f]{64}$/
const tolerance = 5 * 60_000

const instantOf = (stamp: string) =>
  Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"))

/** Who calls, by the SigV4 headers. Their presence, scope and date are checked; the signature's bytes are not. */
export const callerOf = (request: IncomingMessage): Caller => {
  const authorization = header(request, "authorization")
  if (authorization === undefined) throw denied("Missing Authentication Token", "MissingAuthenticationTokenException")
  const parts = scope.exec(authorization)
  if (parts === null) throw denied("Authorization header is not a SigV4 one", "IncompleteSignatureException")
  const [, accessKeyId = "", , region = "", service = ""] = parts
  const stamp = header(request, "x-amz-date")
  if (stamp === undefined)
    throw denied("Authorization header requires existence of a 'X-Amz-Date' header", "IncompleteSignatureException")
  if (!(Math.abs(Date.now() - instantOf(stamp)) <= tolerance))
    throw denied("Signature expired", "InvalidSignatureException")
  if (service !== "bedrock-agentcore" && service !== "sts")
    throw denied(
      `Credential should be scoped to correct service: 'bedrock-agentcore', not '${service}'`,
      "InvalidSignatureException"
    )
  const [, attempt] = /attempt=(\d+)/.exec(header(request, "amz-sdk-request") ?? "") ?? []
  return {
    accessKeyId,
    region,
    service,
    attempt: attempt === undefined ? undefined : Number(attempt),
    invocationId: header(request, "amz-sdk-invocation-id")
  }
}
