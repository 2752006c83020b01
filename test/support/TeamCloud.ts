import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage } from "node:http"
import { text } from "node:stream/consumers"
import { setTimeout } from "node:timers/promises"
import { Effect, Schema, type Scope } from "effect"
import { WorkerReply, WorkerRequest } from "../../src/domain/WorkerProtocol.js"
import { callerOf } from "../emulators/agentcore/Caller.js"
import { sessionHeader } from "../emulators/agentcore/ContainerHeaders.js"
import { header } from "../emulators/agentcore/Wire.js"

/** One far side for all machines of a team, whose ledger holds what was really done. */
export interface TeamCloud {
  readonly url: string
  /** The task of each work that began, as often as it did. */
  readonly begun: ReadonlyArray<string>
  /** Who began which work when, by `performance.now()`. */
  readonly beginnings: ReadonlyArray<Beginning>
  /** How many works have come to their end. */
  readonly ended: () => number
  /** How many sessions are open. */
  readonly open: () => number
  /** How many sessions an access key was the last to ask about. */
  readonly heldBy: (accessKeyId: string) => number
  /** When, by `performance.now()`, sessions that a key had asked about were first asked about by another. */
  readonly takenFrom: (accessKeyId: string) => ReadonlyArray<number>
}

export interface Beginning {
  readonly taskId: string
  readonly key: string
  readonly at: number
}

interface Session {
  holder: string
  work?: { readonly taskId: string; readonly startToken: string; readonly done: Promise<void>; over: boolean }
}

const decodeRequest = Schema.decodeUnknownSync(Schema.parseJson(WorkerRequest))
const encodeReply = Schema.encodeSync(Schema.parseJson(WorkerReply))

/**
 * Speaks as much of AgentCore and of `dispatch/1` as work needs that takes `workMillis` and says nothing: one process
 * for thousands of sessions, where the emulator has a machine for each.
 */
export const teamCloud = (workMillis: number): Effect.Effect<TeamCloud, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<ReturnType<typeof opened>>((resume) => {
        const cloud = opened(workMillis)
        cloud.server.listen(0, "127.0.0.1", () => resume(Effect.succeed(cloud)))
      }),
      ({ server }) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    ({ server, ...cloud }) => {
      const address = server.address()
      return { ...cloud, url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}` }
    }
  )

const opened = (workMillis: number) => {
  const sessions = new Map<string, Session>()
  const begun: Array<string> = []
  const beginnings: Array<Beginning> = []
  const taken: Array<{ readonly from: string; readonly at: number }> = []
  // One process holds all sessions, so what it does not know it never got.
  const [boot, bornAt] = [randomUUID(), performance.now()]
  let ended = 0

  const entered = (request: IncomingMessage, id: string): Session => {
    const { accessKeyId } = callerOf(request)
    const session = sessions.get(id) ?? { holder: accessKeyId }
    sessions.set(id, session)
    if (session.holder !== accessKeyId) taken.push({ from: session.holder, at: performance.now() })
    session.holder = accessKeyId
    return session
  }

  const working = async (session: Session) => {
    await setTimeout(workMillis)
    if (session.work !== undefined) session.work.over = true
    ended += 1
  }

  const reply = async (session: Session, { dispatch }: WorkerRequest): Promise<WorkerReply> => {
    const envelope = { v: 1, boot, bootAgeMs: Math.floor(performance.now() - bornAt) } as const
    if (dispatch.op === "hello") {
      const tasks = session.work === undefined ? [] : [session.work.taskId]
      const limits = { inlineResultBytes: 1_000, ringEvents: 1_000 }
      return { ...envelope, worker: "team", protocols: ["dispatch/1"], limits, tasks }
    }
    const { taskId } = dispatch
    if (dispatch.op === "start") {
      const { startToken } = dispatch
      if (session.work !== undefined && session.work.startToken !== startToken)
        return { ...envelope, refused: { code: "conflict", message: "it has begun under another token" } }
      if (session.work !== undefined) return { ...envelope, taskId, state: "running", fresh: false, seq: 0 }
      begun.push(taskId)
      beginnings.push({ taskId, key: session.holder, at: performance.now() })
      session.work = { taskId, startToken, done: working(session), over: false }
      return { ...envelope, taskId, state: "accepted", fresh: true, seq: 0 }
    }
    if (session.work?.taskId !== taskId) return { ...envelope, taskId, state: "unknown" }
    if (dispatch.op === "poll") await Promise.race([session.work.done, setTimeout(dispatch.waitMs)])
    return session.work.over
      ? { ...envelope, taskId, state: "succeeded", seq: 0, result: taskId }
      : { ...envelope, taskId, state: "running", seq: 0 }
  }

  const server = createServer((request, response) => {
    const id = header(request, sessionHeader) ?? ""
    const answered = async () => {
      const body = await text(request)
      const session = entered(request, id)
      if (request.url?.includes("/stopruntimesession") === true) sessions.delete(id)
      const isInvoked = request.url?.includes("/invocations") === true
      const answer = isInvoked ? encodeReply(await reply(session, decodeRequest(body))) : "{}"
      response.writeHead(200, { "Content-Type": "application/json", [sessionHeader]: id }).end(answer)
    }
    // Whoever asks may be killed before it has asked, and what is refused is what a defect would be here.
    answered().catch(() => response.destroy())
  })
  return {
    server,
    begun,
    beginnings,
    ended: () => ended,
    open: () => sessions.size,
    heldBy: (key: string) => [...sessions.values()].filter(({ holder }) => holder === key).length,
    takenFrom: (key: string) => taken.flatMap(({ at, from }) => (from === key ? [at] : []))
  }
}
