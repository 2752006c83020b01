import { type IncomingMessage, type ServerResponse } from "node:http"
import { Either, Schema } from "effect"
import { type World } from "./Call.js"
import { Fault, type NewFault } from "./Faults.js"
import { type SeedRuntime } from "./Options.js"
import { type Runtime } from "./Runtimes.js"
import { readBody, sendJson } from "./Wire.js"

interface Control {
  readonly addFault: (fault: NewFault) => Promise<void>
  readonly clearFaults: () => void
  readonly unstick: () => void
  readonly createRuntime: (seed: SeedRuntime) => Runtime
  readonly setSpeed: (speed: number) => void
  readonly advance: (ms: number) => void
  readonly killSession: (sessionId: string) => Promise<void>
}

const optionalText = Schema.optionalWith(Schema.String, { exact: true })
const optionalCount = Schema.optionalWith(Schema.Int, { exact: true })
const optionalTexts = Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), { exact: true })

const Seed = Schema.Struct({
  agentRuntimeName: Schema.String,
  agentRuntimeId: optionalText,
  containerUri: optionalText,
  serverProtocol: Schema.optionalWith(Schema.Literal("HTTP", "A2A", "MCP", "AGUI"), { exact: true }),
  region: optionalText,
  requestHeaderAllowlist: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
  environmentVariables: optionalTexts,
  idleRuntimeSessionTimeout: optionalCount,
  maxLifetime: optionalCount,
  sessionStorage: optionalText,
  platformVersion: optionalText,
  requireMMDSV2: Schema.optionalWith(Schema.Boolean, { exact: true }),
  tags: optionalTexts
})

const Clock = Schema.Struct({
  speed: Schema.optional(Schema.Number.pipe(Schema.positive())),
  advanceMs: Schema.optional(Schema.Number.pipe(Schema.nonNegative()))
})

const decoded = <A, I>(schema: Schema.Schema<A, I>, body: Buffer, use: (value: A) => unknown) =>
  Either.match(Schema.decodeUnknownEither(Schema.parseJson(schema))(body.toString("utf8")), {
    onLeft: (error) => ({ status: 400, answer: { message: error.message } }),
    onRight: (value) => ({ status: 200, answer: use(value) ?? {} })
  })

/**
 * The emulator's own side, unsigned: `GET ledger`, `GET`, `POST` and `DELETE faults`, `POST unstick`, `GET` and `POST clock`
 * (`{speed?, advanceMs?}`), `POST runtimes` (a runtime that is READY), `POST kill?sessionId=`, `GET log?sessionId=`.
 */
export const admin = async (world: World, control: Control, request: IncomingMessage, response: ServerResponse) => {
  const url = new URL(request.url ?? "/", "http://emulator")
  const sessionId = url.searchParams.get("sessionId") ?? ""
  const body = await readBody(request, 1_000_000).catch(() => Buffer.alloc(0))
  const { clock, faults, ledgers, runtimes, sessions } = world
  const time = () => ({ now: clock.iso(), speed: clock.speed })
  const routes: Record<string, () => Promise<{ readonly status: number; readonly answer: unknown }>> = {
    "GET /_emulator/ledger": async () => ({
      status: 200,
      answer: {
        ...ledgers.snapshot(),
        runtimes: runtimes.list().map(({ arn, name, status }) => ({ arn, name, status })),
        ...time()
      }
    }),
    "GET /_emulator/faults": async () => ({ status: 200, answer: faults.list() }),
    "POST /_emulator/faults": async () => decoded(Fault, body, (fault) => void control.addFault(fault)),
    "DELETE /_emulator/faults": async () => ({ status: 200, answer: control.clearFaults() ?? {} }),
    "POST /_emulator/unstick": async () => ({ status: 200, answer: control.unstick() ?? {} }),
    "GET /_emulator/clock": async () => ({ status: 200, answer: time() }),
    "POST /_emulator/clock": async () =>
      decoded(Clock, body, ({ speed, advanceMs }) => {
        if (speed !== undefined) control.setSpeed(speed)
        if (advanceMs !== undefined) control.advance(advanceMs)
        return time()
      }),
    "POST /_emulator/runtimes": async () =>
      decoded(Seed, body, (seed) => {
        const { arn, id, name, status } = control.createRuntime(seed)
        return { agentRuntimeArn: arn, agentRuntimeId: id, agentRuntimeName: name, status }
      }),
    "POST /_emulator/kill": async () => ({ status: 200, answer: (await control.killSession(sessionId)) ?? {} }),
    "GET /_emulator/log": async () => ({ status: 200, answer: { log: sessions.log(sessionId) } })
  }
  const found = await routes[`${request.method ?? "GET"} ${url.pathname}`]?.()
  sendJson(response, found?.status ?? 404, found?.answer ?? { message: `No such path; see the emulator's Admin.ts` })
}
