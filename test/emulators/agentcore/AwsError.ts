/** An answer of the service other than success, in the shape its clients decode. */
export class AwsError extends Error {
  constructor(
    readonly status: number,
    override readonly name: string,
    message: string,
    readonly fields: Readonly<Record<string, unknown>> = {}
  ) {
    super(message)
  }
}

export interface FieldFault {
  readonly name: string
  readonly message: string
}

export const invalid = (message: string, fieldList: ReadonlyArray<FieldFault> = [], reason = "FieldValidationFailed") =>
  new AwsError(400, "ValidationException", message, { reason, fieldList })

export const notFound = (message: string) => new AwsError(404, "ResourceNotFoundException", message)

export const conflict = (message: string) => new AwsError(409, "ConflictException", message)

export const retryableConflict = () =>
  new AwsError(409, "RetryableConflictException", "Session operation in progress, please retry")

export const throttled = (message = "Rate exceeded") => new AwsError(429, "ThrottlingException", message)

export const quotaExceeded = (message: string) => new AwsError(402, "ServiceQuotaExceededException", message)

export const denied = (message: string, name = "AccessDeniedException") => new AwsError(403, name, message)

/** What a caller learns when the container answered with an error: its status, never its body. */
export const containerFailed = (status: number) =>
  new AwsError(
    424,
    "RuntimeClientError",
    `Received error (${status}) from runtime. Please check your CloudWatch logs for more information.`
  )

export const initTimeExceeded = (seconds = 30) =>
  new AwsError(
    424,
    "RuntimeClientError",
    `Runtime initialization time exceeded. Please make sure that initialization completes in ${seconds}s.`
  )
