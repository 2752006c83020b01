import { randomUUID } from "node:crypto"
import { type IncomingMessage, type ServerResponse } from "node:http"
import { Either, Schema } from "effect"
import { type AwsError, invalid } from "./AwsError.js"

export type Fields = Readonly<Record<string, unknown>>

const FieldsOfJson = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown }))

/** The members of a JSON object, or nothing when the text is something else. */
export const fieldsOf = (text: string): Fields | undefined =>
  Either.getOrUndefined(Schema.decodeUnknownEither(FieldsOfJson)(text))

/** A request body as a JSON object; an empty one has no members. */
export const bodyFields = (body: Buffer): Fields => {
  const text = body.toString("utf8")
  const fields = text.trim() === "" ? {} : fieldsOf(text)
  if (fields === undefined) throw invalid("Request body is not a JSON object", [], "CannotParse")
  return fields
}

export const textOf = (value: unknown) => (typeof value === "string" ? value : undefined)

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The one value of a header. */
export const header = (request: IncomingMessage, name: string) => {
  const value = request.headers[name.toLowerCase()]
  return Array.isArray(value) ? value[0] : value
}

/** All bytes of a message; one that is too large is read to its end, so that its sender hears why it was refused. */
export const readBody = async (message: IncomingMessage, limit: number): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size <= limit) chunks.push(bytes)
    else chunks.length = 0
  }
  if (size > limit) throw invalid(`Request body exceeds ${limit} bytes`)
  return Buffer.concat(chunks)
}

export const sendJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
) => {
  if (response.headersSent || response.destroyed) return
  const text = status === 204 ? "" : JSON.stringify(body)
  response.writeHead(status, {
    "x-amzn-requestid": randomUUID(),
    ...(text === "" ? {} : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }),
    ...headers
  })
  response.end(text)
}

/** An error without a name comes from what stands before the service: a page for people, no error type. */
export const sendError = (response: ServerResponse, error: AwsError) => {
  if (error.name !== "") {
    sendJson(response, error.status, { message: error.message, ...error.fields }, { "x-amzn-ErrorType": error.name })
  } else if (!response.headersSent && !response.destroyed) {
    response.writeHead(error.status, { "content-type": "text/html" })
    response.end(`<html><body><h1>${error.status} ${error.message}</h1></body></html>`)
  }
}
