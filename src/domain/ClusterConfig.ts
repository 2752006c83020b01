import { Schema } from "effect"

const Port = Schema.Int.pipe(Schema.between(1, 65_535))
const Name = Schema.String.pipe(Schema.filter((text) => text.trim() !== "" || "must not be blank"))

/** Where the other servers of a team reach this one; only `serve --http` over PostgreSQL takes part. */
export const ClusterConfig = Schema.Struct({
  /** The name or address of this machine in the team's network; `AGENTDISPATCH_CLUSTER_HOST` stands above it. */
  host: Name,
  /** `AGENTDISPATCH_CLUSTER_PORT` stands above it. */
  port: Schema.optionalWith(Port, { exact: true }),
  /** The address to listen on, where that is another one than `host`. */
  listen: Schema.optionalWith(Name, { exact: true })
})
export type ClusterConfig = typeof ClusterConfig.Type

export const defaultClusterPort = 34_431

export const isPort = Schema.is(Port)
