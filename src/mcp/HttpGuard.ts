import { localhostAllowedHostnames, validateHostHeader, validateOriginHeader } from "@modelcontextprotocol/server"
import type { IncomingHttpHeaders } from "node:http"
import { type HttpConfig, isLoopback } from "../domain/HttpConfig.js"

/** A name or address with an optional port; anything else would become an address of its own meaning. */
const plainHost = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

const bracketed = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host)

/**
 * Who was called, and from which page: a page that has bound its name to this machine's address (DNS rebinding) gives
 * itself away by its `Host`. The answer is what is wrong, for a 403.
 */
export const makeGuard = (http: HttpConfig, host: string): ((headers: IncomingHttpHeaders) => string | undefined) => {
  const local = localhostAllowedHostnames()
  const hosts = [
    ...local,
    ...(http.allowedHosts ?? []),
    ...(http.publicUrl === undefined ? [] : [new URL(http.publicUrl).hostname]),
    bracketed(host).toLowerCase()
  ]
  const origins = [
    ...(http.allowedOrigins ?? []),
    ...(http.publicUrl === undefined ? [] : [new URL(http.publicUrl).origin])
  ]
  const fromHere = isLoopback(host)
  return (headers) => {
    const called = headers.host ?? ""
    if (!plainHost.test(called) || !validateHostHeader(called, hosts).ok)
      return `Invalid Host "${called.slice(0, 100)}": whoever keeps the config can add the name to http.allowedHosts`
    const { origin } = headers
    if (origin === undefined || origins.includes(origin) || (fromHere && validateOriginHeader(origin, local).ok))
      return undefined
    return `Invalid Origin "${origin.slice(0, 100)}": whoever keeps the config can add it to http.allowedOrigins`
  }
}
