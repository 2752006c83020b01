/** Edits between two words: insertions, deletions and replacements. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The known name a writer most likely meant, or nothing when none is close. */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const close = known
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.edits - b.edits)
  return close[0]?.candidate
}

/** ` Did you mean "x"?`, or nothing. */
export const suggestion = (name: string, known: ReadonlyArray<string>): string => {
  const found = nearest(name, known)
  return found === undefined ? "" : ` Did you mean "${found}"?`
}
