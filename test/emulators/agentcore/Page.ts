import { invalid } from "./AwsError.js"

/** One page of a list; the token is where the next begins. */
export const page = <A>(query: URLSearchParams, all: ReadonlyArray<A>) => {
  const size = Number(query.get("maxResults") ?? 100)
  if (!Number.isInteger(size) || size < 1 || size > 100) throw invalid("maxResults must be between 1 and 100")
  const token = query.get("nextToken")
  const from = token === null ? 0 : Number(Buffer.from(token, "base64url").toString("utf8"))
  if (!Number.isInteger(from) || from < 0) throw invalid("nextToken is not one of this service")
  const next = from + size
  return {
    items: all.slice(from, next),
    nextToken: next < all.length ? Buffer.from(String(next)).toString("base64url") : undefined
  }
}
