import {
  BedrockAgentCoreControlClient,
  CreateAgentRuntimeCommand,
  type CreateAgentRuntimeCommandInput,
  CreateAgentRuntimeEndpointCommand,
  DeleteAgentRuntimeCommand,
  DeleteAgentRuntimeEndpointCommand,
  GetAgentRuntimeCommand,
  GetAgentRuntimeEndpointCommand,
  ListAgentRuntimeEndpointsCommand,
  ListAgentRuntimesCommand,
  ListAgentRuntimeVersionsCommand,
  ListCapacityProvidersCommand,
  ListTagsForResourceCommand,
  paginateListAgentRuntimes,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAgentRuntimeCommand,
  UpdateAgentRuntimeEndpointCommand
} from "@aws-sdk/client-bedrock-agentcore-control"
import { assert, describe, it } from "@effect/vitest"
import { type Bench, failureOf, scripted, sessionId, someRuntime, until, withBench } from "./support/AgentCoreBench.js"

const seconds = 1000
const slow = { timing: { create: 20 * seconds, update: 20 * seconds, delete: 20 * seconds } }

const statusOf = async ({ control }: Bench, agentRuntimeId: string | undefined) =>
  (await control.send(new GetAgentRuntimeCommand({ agentRuntimeId }))).status

const create = ({ control }: Bench, input: CreateAgentRuntimeCommandInput) =>
  control.send(new CreateAgentRuntimeCommand(input))

const gone = async (bench: Bench, agentRuntimeId: string | undefined) =>
  statusOf(bench, agentRuntimeId).then(
    () => false,
    (error: unknown) => error instanceof Error && error.name === "ResourceNotFoundException"
  )

const update = ({ control }: Bench, agentRuntimeId: string | undefined, description: string) => {
  const { agentRuntimeName: _name, ...artifact } = someRuntime("any")
  return control.send(new UpdateAgentRuntimeCommand({ ...artifact, agentRuntimeId, description }))
}

describe("the emulator's control plane, to the genuine client", () => {
  it("makes a runtime that is CREATING, then READY with a DEFAULT endpoint and version 1, then can be called", () =>
    withBench(slow, {}, async (bench) => {
      const made = await create(bench, { ...someRuntime("second"), description: "mine", tags: { owner: "me" } })
      assert.strictEqual(made.$metadata.httpStatusCode, 202)
      assert.match(made.agentRuntimeId ?? "", /^second-[a-zA-Z0-9]{10}$/)
      assert.strictEqual(
        made.agentRuntimeArn,
        `arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/${made.agentRuntimeId}`
      )
      assert.deepInclude(made, { status: "CREATING", agentRuntimeVersion: "1" })
      assert.instanceOf(made.createdAt, Date)
      const early = await failureOf(bench.invoke(sessionId(), {}, { agentRuntimeArn: made.agentRuntimeArn }))
      assert.strictEqual(early.$metadata?.httpStatusCode, 400)
      assert.strictEqual((await failureOf(update(bench, made.agentRuntimeId, "x"))).name, "ConflictException")
      const removal = bench.control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: made.agentRuntimeId }))
      assert.strictEqual((await failureOf(removal)).name, "ConflictException")
      bench.emulator.control.advance(21 * seconds)
      await until("it is READY", async () => (await statusOf(bench, made.agentRuntimeId)) === "READY")
      const got = await bench.control.send(new GetAgentRuntimeCommand({ agentRuntimeId: made.agentRuntimeId }))
      assert.deepInclude(got, { agentRuntimeName: "second", description: "mine", roleArn: someRuntime("x").roleArn })
      assert.deepEqual(got.lifecycleConfiguration, { idleRuntimeSessionTimeout: 900, maxLifetime: 28_800 })
      assert.deepEqual(got.metadataConfiguration, { requireMMDSV2: true })
      const { runtimeEndpoints } = await bench.control.send(
        new ListAgentRuntimeEndpointsCommand({ agentRuntimeId: made.agentRuntimeId })
      )
      assert.deepInclude(runtimeEndpoints?.[0], {
        name: "DEFAULT",
        status: "READY",
        liveVersion: "1",
        targetVersion: "1"
      })
      const echo = await bench.say(sessionId(), {}, { agentRuntimeArn: made.agentRuntimeArn })
      assert.strictEqual(echo["path"], "/invocations")
    }))

  it("does a request once per client token and refuses the token for another", () =>
    withBench({}, {}, async (bench) => {
      const clientToken = "a".repeat(64)
      const first = await create(bench, { ...someRuntime("once"), clientToken })
      const second = await create(bench, { ...someRuntime("once"), clientToken })
      assert.strictEqual(second.agentRuntimeId, first.agentRuntimeId)
      assert.strictEqual(second.status, "CREATING")
      const other = await failureOf(create(bench, { ...someRuntime("other"), clientToken }))
      assert.deepInclude(other, { name: "ValidationException", reason: "IdempotentParameterMismatchException" })
      const twin = await failureOf(create(bench, someRuntime("once")))
      assert.strictEqual(twin.name, "ConflictException")
      const { agentRuntimes } = await bench.control.send(new ListAgentRuntimesCommand({}))
      assert.deepEqual(
        agentRuntimes?.map(({ agentRuntimeName }) => agentRuntimeName),
        ["first", "once"]
      )
    }))

  it("refuses what the service's rules forbid, naming the member", () =>
    withBench({ limits: { mutationsPerSecond: 500 } }, {}, async (bench) => {
      const base = someRuntime("fine")
      const bad: ReadonlyArray<readonly [string, CreateAgentRuntimeCommandInput]> = [
        ["agentRuntimeName", { ...base, agentRuntimeName: "with-hyphen" }],
        ["agentRuntimeName", { ...base, agentRuntimeName: "n".repeat(49) }],
        ["roleArn", { ...base, roleArn: "role" }],
        ["roleArn", { ...base, roleArn: undefined }],
        [
          "agentRuntimeArtifact",
          { ...base, agentRuntimeArtifact: { containerConfiguration: { containerUri: "docker.io/x" } } }
        ],
        ["clientToken", { ...base, clientToken: "short" }],
        ["clientToken", { ...base, clientToken: "under_score".repeat(4) }],
        ["tags", { ...base, tags: { "bad!key": "x" } }],
        ["tags", { ...base, tags: { key: "x".repeat(257) } }],
        ["environmentVariables", { ...base, environmentVariables: { BIG: "x".repeat(5000) } }],
        ["lifecycleConfiguration", { ...base, lifecycleConfiguration: { idleRuntimeSessionTimeout: 59 } }],
        ["lifecycleConfiguration", { ...base, lifecycleConfiguration: { maxLifetime: 28_801 } }],
        [
          "lifecycleConfiguration",
          { ...base, lifecycleConfiguration: { idleRuntimeSessionTimeout: 900, maxLifetime: 600 } }
        ],
        [
          "filesystemConfigurations",
          { ...base, filesystemConfigurations: [{ sessionStorage: { mountPath: "/data" } }] }
        ],
        [
          "requestHeaderConfiguration",
          { ...base, requestHeaderConfiguration: { requestHeaderAllowlist: ["x-amz-date"] } }
        ]
      ]
      for (const [member, input] of bad) {
        const error = await failureOf(create(bench, input))
        assert.strictEqual(error.name, "ValidationException", member)
        assert.include(error.fieldList?.map(({ name }) => name).join(" "), member)
      }
      assert.strictEqual(bench.emulator.control.runtimes().length, 1)
    }))

  it("takes a short lifetime alone for the idle timeout too", () =>
    withBench({}, {}, async (bench) => {
      const made = await create(bench, { ...someRuntime("brief"), lifecycleConfiguration: { maxLifetime: 300 } })
      const got = await bench.control.send(new GetAgentRuntimeCommand({ agentRuntimeId: made.agentRuntimeId }))
      assert.deepEqual(got.lifecycleConfiguration, { idleRuntimeSessionTimeout: 300, maxLifetime: 300 })
    }))

  it("makes a new version at each update, which DEFAULT follows and running sessions and other endpoints do not", () =>
    withBench({ timing: { create: 0, update: 0 } }, {}, async (bench) => {
      const { control, id, say, emulator } = bench
      const running = sessionId()
      await say(running, {})
      await control.send(new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name: "prod" }))
      assert.strictEqual((await update(bench, id, "newer")).agentRuntimeVersion, "2")
      await until("the update is over", async () => (await statusOf(bench, id)) === "READY")
      await say(running, {})
      await say(sessionId(), {})
      await say(sessionId(), {}, { qualifier: "prod" })
      assert.deepEqual(
        emulator.ledgers.billing().map(({ version, qualifier }) => [version, qualifier]),
        [
          ["1", "DEFAULT"],
          ["2", "DEFAULT"],
          ["1", "prod"]
        ]
      )
      const versions = await control.send(new ListAgentRuntimeVersionsCommand({ agentRuntimeId: id }))
      assert.deepEqual(
        versions.agentRuntimes?.map(({ agentRuntimeVersion }) => agentRuntimeVersion),
        ["2", "1"]
      )
      const old = await control.send(new GetAgentRuntimeCommand({ agentRuntimeId: id, agentRuntimeVersion: "1" }))
      assert.notStrictEqual(old.description, "newer")
      await control.send(
        new UpdateAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName: "prod", agentRuntimeVersion: "2" })
      )
      const moved = () => control.send(new GetAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName: "prod" }))
      await until("prod serves version 2", async () => (await moved()).liveVersion === "2")
      const used = control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: id, agentRuntimeVersion: "2" }))
      assert.strictEqual((await failureOf(used)).name, "ConflictException")
      await control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: id, agentRuntimeVersion: "1" }))
      const unknown = control.send(new GetAgentRuntimeCommand({ agentRuntimeId: id, agentRuntimeVersion: "1" }))
      assert.strictEqual((await failureOf(unknown)).name, "ResourceNotFoundException")
    }))

  it("keeps sessions of two endpoints apart, and stops only those of the endpoint that is named", () =>
    withBench({ timing: { create: 0 } }, {}, async ({ control, id, say, stop, emulator }) => {
      await control.send(new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name: "prod" }))
      const session = sessionId()
      await until("prod is READY", () => emulator.control.runtimes()[0]?.endpoints.get("prod")?.status === "READY")
      const pids = [await say(session, {}), await say(session, {}, { qualifier: "prod" })].map((echo) => echo["pid"])
      assert.notStrictEqual(pids[0], pids[1])
      await stop(session, { qualifier: "prod" })
      assert.deepEqual(
        emulator.ledgers.live().map(({ qualifier }) => qualifier),
        ["DEFAULT"]
      )
      assert.strictEqual((await failureOf(stop(session, { qualifier: "prod" }))).name, "ResourceNotFoundException")
    }))

  it("deletes a runtime after its endpoints, never DEFAULT alone, and leaves its sessions running", () =>
    withBench({ timing: { create: 0, delete: 0 } }, {}, async (bench) => {
      const { control, id, say, emulator } = bench
      await say(sessionId(), {})
      await control.send(new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name: "prod" }))
      await until("prod is READY", () => emulator.control.runtimes()[0]?.endpoints.get("prod")?.status === "READY")
      const remove = () => control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: id }))
      const removeEndpoint = (endpointName: string) =>
        control.send(new DeleteAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName }))
      assert.strictEqual((await failureOf(remove())).name, "ConflictException")
      assert.strictEqual((await failureOf(removeEndpoint("DEFAULT"))).name, "ConflictException")
      assert.strictEqual((await removeEndpoint("prod")).status, "DELETING")
      await until("prod is gone", () => emulator.control.runtimes()[0]?.endpoints.size === 1)
      assert.strictEqual((await remove()).status, "DELETING")
      await until("the runtime is gone", () => gone(bench, id))
      assert.strictEqual(emulator.ledgers.live().length, 1)
      assert.strictEqual((await failureOf(bench.invoke(sessionId(), {}))).name, "ResourceNotFoundException")
      assert.strictEqual((await failureOf(remove())).name, "ResourceNotFoundException")
    }))

  it("lists by pages, in the region asked, without tags", () =>
    withBench({}, {}, async (bench) => {
      for (const name of ["b", "c", "d"]) await create(bench, { ...someRuntime(name), tags: { a: "b" } })
      const pages: Array<number> = []
      for await (const { agentRuntimes } of paginateListAgentRuntimes({ client: bench.control, pageSize: 3 }, {}))
        pages.push(agentRuntimes?.length ?? 0)
      assert.deepEqual(pages, [3, 1])
      const west = new BedrockAgentCoreControlClient({ ...bench.client, region: "us-west-2" })
      assert.deepEqual((await west.send(new ListAgentRuntimesCommand({}))).agentRuntimes, [])
      west.destroy()
      const wrong = bench.control.send(new ListAgentRuntimesCommand({ maxResults: 1000 }))
      assert.strictEqual((await failureOf(wrong)).name, "ValidationException")
    }))

  it("keeps tags", () =>
    withBench({}, { tags: { keep: "1", drop: "2" } }, async ({ control, arn }) => {
      await control.send(new TagResourceCommand({ resourceArn: arn, tags: { more: "3" } }))
      await control.send(new UntagResourceCommand({ resourceArn: arn, tagKeys: ["drop"] }))
      const { tags } = await control.send(new ListTagsForResourceCommand({ resourceArn: arn }))
      assert.deepEqual(tags, { keep: "1", more: "3" })
      const unknown = control.send(new ListTagsForResourceCommand({ resourceArn: `${arn}x` }))
      assert.strictEqual((await failureOf(unknown)).name, "ResourceNotFoundException")
    }))

  it("fails, hangs and conflicts when told to", () =>
    withBench({ timing: { create: 0, update: 0, delete: 0 } }, {}, async (bench) => {
      const { control, emulator, id } = bench
      void emulator.control.addFault({ op: "CreateAgentRuntime", kind: "create-failed" })
      const failed = await create(bench, someRuntime("failing"))
      await until("it has failed", async () => (await statusOf(bench, failed.agentRuntimeId)) === "CREATE_FAILED")
      const told = await control.send(new GetAgentRuntimeCommand({ agentRuntimeId: failed.agentRuntimeId }))
      assert.isAbove(told.failureReason?.length ?? 0, 10)
      await control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: failed.agentRuntimeId }))
      await until("what failed can be deleted", () => gone(bench, failed.agentRuntimeId))
      void emulator.control.addFault({ op: "CreateAgentRuntime", kind: "stuck" })
      const stuck = await create(bench, someRuntime("stuck"))
      emulator.control.advance(3600 * seconds)
      assert.strictEqual(await statusOf(bench, stuck.agentRuntimeId), "CREATING")
      void emulator.control.addFault({ op: "UpdateAgentRuntime", kind: "update-failed" })
      await update(bench, id, "x")
      await until("the update has failed", async () => (await statusOf(bench, id)) === "UPDATE_FAILED")
      const remove = () => control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: id }))
      void emulator.control.addFault({ op: "DeleteAgentRuntime", kind: "conflict" })
      assert.strictEqual((await failureOf(remove())).name, "ConflictException")
      void emulator.control.addFault({ op: "DeleteAgentRuntime", kind: "delete-failed" })
      await remove()
      await until("the deletion has failed", async () => (await statusOf(bench, id)) === "DELETE_FAILED")
      await remove()
      await until("it is gone", () => gone(bench, id))
    }))

  it("makes a runtime of platform V2 READY only when its worker comes up", async () => {
    const workers = { workers: { "*": { ...scripted, env: { CRASH_AT_START: "1" } } }, timing: { createV2: 0 } }
    await withBench(workers, {}, async (bench) => {
      const made = await create(bench, { ...someRuntime("broken"), platformVersion: "V2" })
      await until("it has failed", async () => (await statusOf(bench, made.agentRuntimeId)) === "CREATE_FAILED")
    })
    await withBench({ timing: { createV2: 0 } }, {}, async (bench) => {
      const made = await create(bench, { ...someRuntime("whole"), platformVersion: "V2" })
      await until("it is READY", async () => (await statusOf(bench, made.agentRuntimeId)) === "READY")
    })
  })

  it("refuses to call runtimes that are not MMDSv2-enabled", () =>
    withBench({}, { requireMMDSV2: false }, async ({ invoke }) => {
      assert.match((await failureOf(invoke(sessionId(), {}))).message, /not MMDSv2-enabled/)
    }))

  it("throttles and bounds what an account may have, and has no capacity providers", () =>
    withBench({ limits: { runtimes: 1, listsPerSecond: 2 } }, {}, async (bench) => {
      assert.strictEqual((await failureOf(create(bench, someRuntime("more")))).name, "ServiceQuotaExceededException")
      const list = () => bench.control.send(new ListAgentRuntimesCommand({}))
      await list()
      await list()
      assert.strictEqual((await failureOf(list())).name, "ThrottlingException")
      assert.strictEqual(
        (await failureOf(bench.control.send(new ListCapacityProvidersCommand({})))).name,
        "ValidationException"
      )
    }))
})
