/** The part of a task that a resource shows. */
export type Part = { readonly of: "task" | "log" | "result" } | { readonly of: "artifact"; readonly id: string }

const pattern = /^agentdispatch:\/\/tasks\/([^/?#]+)(?:\/(log|result)|\/artifacts\/([^/?#]+))?$/

/** The URIs of a task's resources; a task's own one comes first. */
export const uriOf = (taskId: string, part: Part = { of: "task" }): string => {
  const task = `agentdispatch://tasks/${taskId}`
  if (part.of === "task") return task
  return part.of === "artifact" ? `${task}/artifacts/${encodeURIComponent(part.id)}` : `${task}/${part.of}`
}

export const readUri = (uri: string): { readonly taskId: string; readonly part: Part } | undefined => {
  const [, taskId, part, artifact] = pattern.exec(uri) ?? []
  if (taskId === undefined) return undefined
  if (artifact !== undefined) return { taskId, part: { of: "artifact", id: decoded(artifact) } }
  return { taskId, part: { of: part === "log" || part === "result" ? part : "task" } }
}

export const taskOfUri = (uri: string): string | undefined => readUri(uri)?.taskId

/** A name that is no valid encoding names nothing. */
const decoded = (text: string): string => (/%(?![0-9a-f]{2})/i.test(text) ? text : decodeURIComponent(text))
