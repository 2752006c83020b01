import { createHash } from "node:crypto"

/**
 * The roots of the perfect subtrees a log of some size consists of, largest first, in hexadecimal: all it takes to go
 * on with a tree as RFC 6962, section 2.1, defines it.
 */
export type Frontier = ReadonlyArray<string>

/** The frontier of a log with one record more; `size` is how many it had. */
export const grown = (frontier: Frontier, size: number, recordHash: string): Frontier => {
  const roots = [...frontier]
  let root = digest(0, recordHash)
  for (let left = size; left % 2 === 1; left = (left - 1) / 2) root = digest(1, roots.pop() ?? "", root)
  return [...roots, root]
}

/** The root of the whole tree; of no records it is the hash of nothing. */
export const rootOf = (frontier: Frontier): string =>
  frontier.length === 0
    ? createHash("sha256").digest("hex")
    : frontier.reduceRight((right, left) => digest(1, left, right))

/** Leaves and inner nodes are told apart by their first byte, so that neither can pass for the other. */
const digest = (kind: 0 | 1, ...parts: ReadonlyArray<string>): string => {
  const hash = createHash("sha256").update(Uint8Array.of(kind))
  for (const part of parts) hash.update(Buffer.from(part, "hex"))
  return hash.digest("hex")
}
