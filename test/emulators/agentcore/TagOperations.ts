import { type Call } from "./Call.js"
import { invalid, notFound } from "./AwsError.js"
import { type Operation } from "./DataPlane.js"
import { Tags, validate } from "./RuntimeBody.js"
import { bodyFields, sendJson } from "./Wire.js"

/** The runtime or endpoint an ARN names. */
const taggedOf = ({ world, caller, path }: Call) => {
  const arn = path[0] ?? ""
  const runtimes = world.runtimes.list(caller.region)
  const found = [...runtimes, ...runtimes.flatMap(({ endpoints }) => [...endpoints.values()])].find(
    (each) => each.arn === arn
  )
  if (found === undefined) throw notFound(`Resource '${arn}' was not found`)
  return found
}

const tag = async (call: Call) => {
  const found = taggedOf(call)
  const tags = validate(Tags, { ...found.tags, ...validate(Tags, bodyFields(call.body)["tags"], "tags") }, "tags")
  found.tags = { ...tags }
  return () => sendJson(call.response, 204, {})
}

const untag = async (call: Call) => {
  const found = taggedOf(call)
  const keys = call.query.getAll("tagKeys")
  if (keys.length === 0) throw invalid("tagKeys must name at least one key")
  found.tags = Object.fromEntries(Object.entries(found.tags).filter(([key]) => !keys.includes(key)))
  return () => sendJson(call.response, 204, {})
}

const list = async (call: Call) => {
  const { tags } = taggedOf(call)
  return () => sendJson(call.response, 200, { tags })
}

const path = /^\/tags\/([^/]+)$/

export const tagOperations: ReadonlyArray<Operation> = [
  { op: "TagResource", method: "POST", path, plane: "mutation", run: tag },
  { op: "UntagResource", method: "DELETE", path, plane: "mutation", run: untag },
  { op: "ListTagsForResource", method: "GET", path, plane: "get", run: list }
]
