import * as Entity from "@effect/cluster/Entity"
import * as EntityId from "@effect/cluster/EntityId"
import * as MessageStorage from "@effect/cluster/MessageStorage"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import { Sharding } from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { SocketServerError } from "@effect/platform/SocketServer"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Layer, Option, Schedule, Schema } from "effect"
import { type ClusterConfig, defaultClusterPort } from "../domain/ClusterConfig.js"
import { ConfigInvalid } from "../domain/ConfigInvalid.js"
import { TaskId } from "../domain/Task.js"
import { Scheduler } from "../services/Scheduler.js"
import { Settings } from "../services/Settings.js"
import { defaults, makeLoop } from "./SchedulerLoop.js"
import { storeFailed } from "./SqlFault.js"

/** Each task is an entity; all it can be told is that it has something to do, for what that is stands in the store. */
const TaskEntity = Entity.make("AgentDispatchTask", [Rpc.make("wake")])

/** A message that takes longer has lost its point: the owner looks by itself. */
const patience = "2 seconds"

const decodeId = Schema.decodeOption(TaskId)

/** Sharding gives each task one owner, and what a dead runner had moves to the others; the epoch in the store has the last word. */
const scheduler = Layer.scoped(
  Scheduler,
  Effect.gen(function* () {
    const sharding = yield* Sharding
    const scope = yield* Effect.scope
    const isOurs = (id: TaskId) => sharding.hasShardId(sharding.getShardId(EntityId.make(id), "default"))
    const loop = yield* makeLoop(defaults, isOurs)
    yield* sharding.registerEntity(
      TaskEntity,
      Effect.map(Entity.CurrentAddress, ({ entityId }) => ({
        wake: () => Option.match(decodeId(entityId), { onNone: () => Effect.void, onSome: loop.wake })
      })),
      { maxIdleTime: patience, disableFatalDefects: true }
    )
    const client = yield* TaskEntity.client
    const tell = (id: TaskId) =>
      client(id)
        .wake()
        .pipe(
          Effect.timeout(patience),
          Effect.catchAllCause((cause) => Effect.logDebug(`${id} waits for its owner's next look`, cause)),
          Effect.forkIn(scope),
          Effect.asVoid
        )
    return { ...loop, wake: (id) => (isOurs(id) ? loop.wake(id) : tell(id)) }
  })
)

/** Fast enough for a killed runner to be replaced about when its lease is over; the defaults take minutes. */
const pace = {
  shardsPerGroup: 64,
  shardLockRefreshInterval: "1 second",
  shardLockExpiration: "5 seconds",
  // Such a lock outlives its time when the runner's machine is cut off, until the server finds out.
  shardLockDisableAdvisory: true,
  refreshAssignmentsInterval: "500 millis",
  entityMessagePollInterval: "500 millis",
  entityTerminationTimeout: "2 seconds",
  runnerHealthCheckInterval: "2 seconds",
  simulateRemoteSerialization: false
} as const

/** Of several that make the tables at once, PostgreSQL lets all but one fail. */
const comingFirst = Schedule.intersect(Schedule.spaced("200 millis"), Schedule.recurs(10))

/** Runners meet over TCP, and their addresses and shards are in the database of a client of its own. */
export const layer = ({ host, listen = host, port = defaultClusterPort }: ClusterConfig) => {
  const config = {
    ...pace,
    runnerAddress: Option.some(RunnerAddress.make(host, port)),
    runnerListenAddress: Option.some(RunnerAddress.make(listen, port))
  }
  // Messages are not kept: a task's row is what must not be lost, and is.
  const storage = Layer.merge(
    MessageStorage.layerNoop,
    Layer.mapError(
      Layer.retry(SqlRunnerStorage.layerWith({ prefix: "agentdispatch_cluster" }), comingFirst),
      storeFailed
    )
  )
  return scheduler.pipe(
    Layer.provide(NodeClusterSocket.layer({ storage: "byo", serialization: "ndjson", shardingConfig: config })),
    Layer.catchAll((error) =>
      error instanceof SocketServerError ? Layer.unwrapEffect(refused(listen, port, error)) : Layer.die(error)
    ),
    Layer.provide(storage),
    Layer.provide(ShardingConfig.layer(config))
  )
}

const refused = (listen: string, port: number, { message }: SocketServerError) =>
  Effect.map(Settings, ({ source }) => {
    const problem = `cannot listen on ${listen}:${port} (${message}); choose another port, or set cluster.listen`
    return Layer.fail(new ConfigInvalid({ source, issues: [{ path: "cluster", message: problem }] }))
  })
