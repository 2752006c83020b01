/** A worker tells what it does; only we say where the task stands. */
export const tellable: ReadonlySet<string> = new Set([
  "task.progress",
  "task.log",
  "task.result",
  "task.heartbeat",
  "runtime.provisioned",
  "session.created"
])
