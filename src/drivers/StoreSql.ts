import { SqlClient } from "@effect/sql/SqlClient"
import { Clock, Effect, Layer } from "effect"
import { IdempotencyConflict, StoreFailed, TaskChanged, TaskNotFound } from "../domain/DispatchError.js"
import { type Task, TaskId } from "../domain/Task.js"
import { Installation } from "../services/Installation.js"
import { extend, open, renaming } from "../services/Journal.js"
import { type NewTask, Store } from "../services/Store.js"
import { makeWakeups } from "../services/Wakeups.js"
import { alone, forUpdate, together } from "./SqlDialect.js"
import { storeFailed } from "./SqlFault.js"
import * as Sqlite from "./Sqlite.js"
import { countQuotas, quotaUse, writeQuotas } from "./StoreQuota.js"
import { claimable, take } from "./StoreClaim.js"
import { checkParent, dependencies, queue, writeDependencies } from "./StoreLineage.js"
import { absent, refuseSpent } from "./StoreExpired.js"
import { migrate } from "./StoreMigrations.js"
import { news } from "./StoreNews.js"
import { reading } from "./StoreReading.js"
import { upkeep } from "./StoreRetention.js"
import { Notices } from "./StoreNotices.js"
import { decodeTasks, type Kept, taskColumns } from "./StoreRows.js"
import { insertTask, writeAddition } from "./StoreWrites.js"

const failures = { SqlError: storeFailed, ParseError: storeFailed } as const

const make = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* migrate
  const wakeups = yield* makeWakeups
  const notices = yield* Notices

  const selected = (id: TaskId) =>
    sql`SELECT ${taskColumns(sql)} FROM tasks t JOIN requests r ON r.task = t.seq WHERE t.id = ${id}`

  const kept = (id: TaskId) => Effect.flatMap(selected(id), decodeTasks)

  const find = Effect.fn("store.find")(function* (id: TaskId) {
    const [found] = yield* kept(id)
    return found === undefined ? yield* yield* absent(sql, id) : found.task
  }, Effect.catchTags(failures))

  const earlier = Effect.fnUntraced(function* ({ key, fingerprint }: NonNullable<NewTask["idempotency"]>) {
    const [known] = yield* sql<{ id: string; fingerprint: string }>`SELECT t.id, k.fingerprint
      FROM idempotency_keys k JOIN tasks t ON t.seq = k.task WHERE k.key = ${key}`
    if (known === undefined) return yield* refuseSpent(sql, { key, fingerprint })
    if (known.fingerprint !== fingerprint) return yield* new IdempotencyConflict({ key, taskId: known.id })
    const [first] = yield* kept(TaskId.make(known.id))
    return first?.task
  })

  const add = Effect.fnUntraced(function* (task: NewTask, now: number) {
    const first = task.idempotency === undefined ? undefined : yield* earlier(task.idempotency)
    if (first !== undefined) return { task: first, existed: true }
    const addition = open(task, now)
    yield* checkParent(sql, task)
    yield* countQuotas(sql, task.quotas ?? [], now)
    yield* insertTask(sql, addition, task.idempotency)
    yield* writeQuotas(sql, task, now)
    if (task.lineage?.dependsOn !== undefined) yield* writeDependencies(sql, task)
    return { task: addition.task, existed: false }
  })

  const createAll: (typeof Store.Service)["createAll"] = Effect.fn("store.create")(function* (tasks) {
    const now = yield* Clock.currentTimeMillis
    return yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* alone(sql, tasks.flatMap(placesOf))
        const made: Array<{ readonly task: Task; readonly existed: boolean }> = []
        for (const task of renaming(tasks, made)) made.push(yield* add(task, now))
        return made
      })
    )
  }, Effect.catchTags(failures))

  const used = Effect.fn("store.quotaUse")(
    function* (rule: string) {
      return yield* quotaUse(sql, rule, yield* Clock.currentTimeMillis)
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const commit: (typeof Store.Service)["commit"] = Effect.fn("store.commit")(function* (basis, change) {
    const now = yield* Clock.currentTimeMillis
    const task = yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* together(sql, claiming)
        const [found] = yield* Effect.flatMap(sql`${selected(basis.id)} ${forUpdate(sql)}`, decodeTasks)
        const addition = found === undefined ? undefined : extend(found, basis, change, now)
        if (found === undefined || addition === undefined) return yield* new TaskChanged({ id: basis.id })
        yield* writeAddition(sql, found, addition, change)
        return addition.task
      })
    )
    if (task.revision !== basis.revision) yield* wakeups.ring(basis.id)
    return task
  }, Effect.catchTags(failures))

  const resolve = Effect.fn("store.resolve")(function* (alias: string) {
    const [row] = yield* sql<{ id: string }>`SELECT id FROM tasks WHERE alias = ${alias}`
    return row === undefined ? yield* yield* absent(sql, alias) : TaskId.make(row.id)
  }, Effect.catchTags(failures))

  const list: (typeof Store.Service)["list"] = Effect.fn("store.list")(function* ({
    statuses,
    runtime,
    provider,
    principal,
    group,
    parent,
    limit,
    before
  }) {
    const wanted = sql.and([
      ...(before === undefined ? [] : [sql`t.seq < ${before}`]),
      ...(statuses === undefined ? [] : [statuses.length === 0 ? sql`1 = 0` : sql.in("t.status", statuses)]),
      ...(runtime === undefined ? [] : [sql`t.runtime = ${runtime}`]),
      ...(provider === undefined ? [] : [sql`t.provider = ${provider}`]),
      ...(principal === undefined ? [] : [sql`t.principal = ${principal}`]),
      ...(group === undefined ? [] : [sql`t.grp = ${group}`]),
      ...(parent === undefined ? [] : [sql`t.parent = ${parent}`])
    ])
    const rows = yield* sql`SELECT ${taskColumns(sql)} FROM tasks t JOIN requests r ON r.task = t.seq
      WHERE ${wanted} ORDER BY t.seq DESC LIMIT ${limit + 1}`
    const found = yield* decodeTasks(rows)
    return pageOfTasks(found, limit)
  }, Effect.catchTags(failures))

  const isAbove = (id: TaskId, revision: number) =>
    Effect.flatMap(sql<{ revision: number }>`SELECT revision FROM tasks WHERE id = ${id}`, ([row]) =>
      row === undefined ? new TaskNotFound({ id }) : Effect.succeed(row.revision > revision)
    )

  const moved: (typeof Store.Service)["changed"] = (id, revision) =>
    wakeups
      .listen(id, (rung) =>
        Effect.flatMap(isAbove(id, revision), (above) =>
          above
            ? Effect.succeed(true)
            : Effect.as(
                Effect.flatMap(notices.pause, (pause) => Effect.timeoutOption(rung, pause)),
                false
              )
        )
      )
      .pipe(
        Effect.catchTag("SqlError", storeFailed),
        Effect.flatMap((above) => (above ? find(id) : moved(id, revision)))
      )

  const changed: (typeof Store.Service)["changed"] = (id, revision) =>
    Effect.zipRight(notices.ringing(wakeups.ring), moved(id, revision))

  const claim: (typeof Store.Service)["claim"] = Effect.fn("store.claim")(function* (request) {
    const now = yield* Clock.currentTimeMillis
    // Looking first keeps idle processes from taking the write lock again and again.
    if ((yield* claimable(sql, request, now)).length === 0) return []
    return yield* sql.withTransaction(
      Effect.zipRight(
        alone(sql, [claiming]),
        Effect.flatMap(claimable(sql, request, now), (seqs) =>
          seqs.length === 0
            ? Effect.succeed([])
            : Effect.map(take(sql, request.owner, seqs, now), (taken) => taken.map(({ task }) => task))
        )
      )
    )
  }, Effect.catchTags(failures))

  const renew = Effect.fn("store.renew")(
    function* (owner: string, until: number) {
      yield* sql`INSERT INTO owners (owner, lease_until) VALUES (${owner}, ${until})
      ON CONFLICT (owner) DO UPDATE SET lease_until = excluded.lease_until`
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const release = Effect.fn("store.release")(
    function* (owner: string, ids?: ReadonlyArray<TaskId>) {
      if (ids?.length === 0) return
      yield* sql`UPDATE tasks SET owner = NULL WHERE owner = ${owner} AND ${ids === undefined ? sql`1 = 1` : sql.in("id", ids)}`
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const owned = Effect.fn("store.owned")(
    function* (owner: string) {
      const rows = yield* sql<{ id: string }>`SELECT id FROM tasks WHERE owner = ${owner} ORDER BY seq`
      return rows.map(({ id }) => TaskId.make(id))
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const wanted = Effect.fn("store.wanted")(
    function* (owner: string) {
      const rows = yield* sql<{ id: string }>`SELECT id FROM tasks t WHERE owner = ${owner} AND (status = 'cancelling'
        OR (status = 'input_required'
          AND EXISTS (SELECT 1 FROM questions q WHERE q.task = t.seq AND q.answered = 1 AND q.delivered = 0)))
        ORDER BY seq`
      return rows.map(({ id }) => TaskId.make(id))
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  return {
    create: (task: NewTask) =>
      Effect.flatMap(createAll([task]), ([made]) =>
        made === undefined ? Effect.dieMessage("one task makes one") : Effect.succeed(made)
      ),
    createAll,
    dependencies: Effect.fn("store.dependencies")((id: TaskId) => dependencies(sql, id), Effect.catchTags(failures)),
    queue: Effect.fn("store.queue")((id: TaskId) => queue(sql, id), Effect.catchTag("SqlError", storeFailed)),
    quotaUse: used,
    find,
    resolve,
    list,
    commit,
    ...reading(sql),
    changed,
    ...news(sql),
    upkeep: upkeep(sql),
    renew,
    claim,
    release,
    owned,
    wanted
  }
})

/** What is claimed is decided on everything that is under way, so no commit may come between. */
const claiming = "claiming"

/** Where another creation could be about to take the same: its key, and the rules that count it. */
const placesOf = ({ idempotency, quotas = [] }: NewTask): ReadonlyArray<string> => [
  ...(idempotency === undefined ? [] : [`key ${idempotency.key}`]),
  ...quotas.map(({ rule }) => `rule ${rule}`)
]

const pageOfTasks = (found: ReadonlyArray<Kept>, limit: number) => {
  const page = found.slice(0, limit)
  const last = page.at(-1)
  return {
    tasks: page.map(({ task }) => task),
    ...(found.length > page.length && last !== undefined ? { next: last.seq } : {})
  }
}

/** Over a database that somebody else opens. */
export const layerClient: Layer.Layer<Store, StoreFailed, SqlClient> = Layer.effect(Store, make)

/** In the state folder of this installation. */
export const layer: Layer.Layer<Store, StoreFailed, Installation> = Layer.unwrapEffect(
  Effect.map(Installation, ({ stateDir }) =>
    Layer.mapError(Layer.provide(layerClient, Sqlite.layer(stateDir)), (error) => placed(error, stateDir))
  )
)

/** Whoever has to mend it must know where. */
const placed = (error: StoreFailed, stateDir: string): StoreFailed =>
  error.detail.includes(stateDir)
    ? error
    : new StoreFailed({ fault: error.fault, detail: `${stateDir}: ${error.detail}`, cause: error.cause })
