import { crc32 } from "node:zlib"

const stringHeader = 7

const encodeHeader = ([name, value]: readonly [string, string]) => {
  const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)]
  const length = Buffer.alloc(2)
  length.writeUInt16BE(valueBytes.length)
  return Buffer.concat([Buffer.from([nameBytes.length]), nameBytes, Buffer.from([stringHeader]), length, valueBytes])
}

const uint32 = (...values: ReadonlyArray<number>) => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, index * 4))
  return bytes
}

/** One frame of `application/vnd.amazon.eventstream`: lengths, their checksum, headers, payload, checksum of all. */
export const frame = (headers: Readonly<Record<string, string>>, payload: unknown): Buffer => {
  const head = Buffer.concat(Object.entries(headers).map(encodeHeader))
  const body = Buffer.from(JSON.stringify(payload))
  const lengths = uint32(16 + head.length + body.length, head.length)
  const message = Buffer.concat([lengths, uint32(crc32(lengths)), head, body])
  return Buffer.concat([message, uint32(crc32(message))])
}

export const event = (type: string, payload: unknown) =>
  frame({ ":message-type": "event", ":event-type": type, ":content-type": "application/json" }, payload)

export const exception = (type: string, message: string) =>
  frame({ ":message-type": "exception", ":exception-type": type, ":content-type": "application/json" }, { message })
