import { Effect } from "effect"
import { StoreFailed } from "../../src/domain/DispatchError.js"
import type { Store } from "../../src/services/Store.js"

export type Method = keyof typeof Store.Service

/** What a call of the store becomes. */
export type Around = <A, E>(call: Effect.Effect<A, E>, method: Method) => Effect.Effect<A, E | StoreFailed>

/** A store whose every call goes through `around` first. */
export const around = (store: typeof Store.Service, wrap: Around): typeof Store.Service => ({
  create: (task) => wrap(store.create(task), "create"),
  createAll: (tasks) => wrap(store.createAll(tasks), "createAll"),
  dependencies: (id) => wrap(store.dependencies(id), "dependencies"),
  queue: (id) => wrap(store.queue(id), "queue"),
  quotaUse: (rule) => wrap(store.quotaUse(rule), "quotaUse"),
  find: (id) => wrap(store.find(id), "find"),
  resolve: (alias) => wrap(store.resolve(alias), "resolve"),
  list: (query) => wrap(store.list(query), "list"),
  commit: (basis, change) => wrap(store.commit(basis, change), "commit"),
  events: (id, options) => wrap(store.events(id, options), "events"),
  log: (id, page) => wrap(store.log(id, page), "log"),
  artifacts: (id) => wrap(store.artifacts(id), "artifacts"),
  resources: (id) => wrap(store.resources(id), "resources"),
  questions: (id) => wrap(store.questions(id), "questions"),
  changed: (id, revision) => wrap(store.changed(id, revision), "changed"),
  revisions: (ids) => wrap(store.revisions(ids), "revisions"),
  finished: (query) => wrap(store.finished(query), "finished"),
  heard: (listener) => wrap(store.heard(listener), "heard"),
  hear: (listener, until) => wrap(store.hear(listener, until), "hear"),
  agreed: (name, offered) => wrap(store.agreed(name, offered), "agreed"),
  renew: (owner, until) => wrap(store.renew(owner, until), "renew"),
  claim: (request) => wrap(store.claim(request), "claim"),
  release: (owner, ids) => wrap(store.release(owner, ids), "release"),
  owned: (owner) => wrap(store.owned(owner), "owned"),
  timeThere: store.timeThere,
  wanted: (owner) => wrap(store.wanted(owner), "wanted"),
  upkeep: store.upkeep
})

export const broken = new StoreFailed({ fault: "full", detail: "told to fail" })

/** Fails the nth call from now, before it did anything or after it did everything. */
export const failingAt = (nth: number, when: "before" | "after") => {
  const count = { calls: 0 }
  const wrap: Around = <A, E>(call: Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | StoreFailed> => {
      count.calls += 1
      if (count.calls !== nth) return call
      return when === "before" ? Effect.fail(broken) : Effect.zipRight(call, Effect.fail(broken))
    })
  return { count, wrap }
}
