import { type Call } from "./Call.js"
import { type ServerProtocol } from "./Options.js"
import { protocolOf } from "./Runtimes.js"

/** The protocol in whose words a failed invocation is answered. */
export const protocolOfCall = (call: Call): ServerProtocol => {
  const runtime = call.world.runtimes.list().find(({ arn, id }) => arn === call.path[0] || id === call.path[0])
  const live = runtime?.endpoints.get(call.query.get("qualifier") ?? "DEFAULT")?.liveVersion
  const version = runtime?.versions.get(live ?? "1")
  return version === undefined ? "HTTP" : protocolOf(version)
}
