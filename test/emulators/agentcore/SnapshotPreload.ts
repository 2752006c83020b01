/**
 * Loaded into a worker's process to make it a clone restored from a snapshot: until its first request every machine
 * of a version draws the same random numbers, has process id 1 and the host name localhost. Plain JavaScript, because
 * the worker's Node runs it as it is.
 */
export const snapshotPreload = `
import crypto, { webcrypto } from "node:crypto"
import http from "node:http"
import os from "node:os"
import { syncBuiltinESMExports } from "node:module"
let restored = false
let state = 42
const byte = () => ((state = (state * 1103515245 + 12345) % 2147483648) >> 16) & 255
const genuine = {
  random: Math.random,
  uuid: crypto.randomUUID,
  bytes: crypto.randomBytes,
  values: webcrypto.getRandomValues.bind(webcrypto),
  webUuid: webcrypto.randomUUID.bind(webcrypto)
}
const frozenBytes = (size) => Buffer.from(Array.from({ length: size }, byte))
const frozenUuid = () => {
  const hex = frozenBytes(16).toString("hex")
  return [hex.slice(0, 8), hex.slice(8, 12), "4" + hex.slice(13, 16), "8" + hex.slice(17, 20), hex.slice(20)].join("-")
}
Math.random = () => (restored ? genuine.random() : byte() / 256)
crypto.randomUUID = (options) => (restored ? genuine.uuid(options) : frozenUuid())
crypto.randomBytes = (size, callback) => {
  if (restored) return genuine.bytes(size, callback)
  const bytes = frozenBytes(size)
  if (callback) queueMicrotask(() => callback(null, bytes))
  return bytes
}
webcrypto.getRandomValues = (array) => {
  if (restored) return genuine.values(array)
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(frozenBytes(array.byteLength))
  return array
}
webcrypto.randomUUID = () => (restored ? genuine.webUuid() : frozenUuid())
os.hostname = () => "localhost"
syncBuiltinESMExports()
Object.defineProperty(process, "pid", { value: 1 })
const emit = http.Server.prototype.emit
http.Server.prototype.emit = function (event, ...args) {
  if (event === "request" && args[0].url !== "/ping") restored = true
  return emit.call(this, event, ...args)
}
`
