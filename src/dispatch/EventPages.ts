import { Effect } from "effect"
import type { StoreFailed } from "../domain/DispatchError.js"
import type { Task } from "../domain/Task.js"
import type { EventPage } from "../domain/TaskView.js"
import type { Store } from "../services/Store.js"

const few = 20
const many = 500

type Paging = (task: Task, afterRevision: number) => Effect.Effect<EventPage, StoreFailed>

/** What happened since a revision, in pages that say when they are not all. */
export const eventPages = (store: Pick<typeof Store.Service, "events">): { latest: Paging; earliest: Paging } => ({
  /** The newest few; what was before them is left out. */
  latest: ({ id, revision }, afterRevision) =>
    Effect.map(store.events(id, { afterRevision, limit: few + 1, newest: true }), (events) => ({
      events: events.slice(-few),
      omitted: events.length > few,
      revision
    })),
  /** The first ones, in whole revisions, so that the page's own revision is where the next one begins. */
  earliest: Effect.fnUntraced(function* ({ id, revision }, afterRevision) {
    for (let limit = many; ; limit *= 4) {
      const events = yield* store.events(id, { afterRevision, limit: limit + 1 })
      if (events.length <= limit) return { events, omitted: false, revision }
      const next = events.at(-1)?.revision
      const whole = events.filter((event) => event.revision !== next)
      const last = whole.at(-1)
      if (last !== undefined) return { events: whole, omitted: true, revision: last.revision }
    }
  })
})
