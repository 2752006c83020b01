import { displayName } from "./FileName.js"
import type { FileFigures } from "./FileScan.js"
import { languageOf } from "./Language.js"
import type { Mark } from "./LineScan.js"

/** A repository in figures; lists are bounded, counts are not. */
export interface RepoFigures {
  readonly files: number
  readonly lines: number
  readonly bytes: number
  readonly binaryFiles: number
  /** Files and folders that could not be read. */
  readonly unreadable: number
  /** Most lines first. */
  readonly languages: ReadonlyArray<{ readonly language: string; readonly files: number; readonly lines: number }>
  /** Most bytes first. */
  readonly largest: ReadonlyArray<{ readonly file: string; readonly bytes: number }>
  readonly todos: ReadonlyArray<{ readonly file: string; readonly line: number; readonly text: string }>
  readonly todoCount: number
}

const largestLimit = 20
const todoLimit = 500

/** Adds files up one by one, keeping no more than the figures. */
export const repoTally = () => {
  const languages = new Map<string, { files: number; lines: number }>()
  const largest: Array<{ file: string; bytes: number }> = []
  const todos: Array<{ file: string; line: number; text: string }> = []
  let [files, lines, bytes, binaryFiles, unreadable, todoCount] = [0, 0, 0, 0, 0, 0]

  const keepLargest = (file: string, size: number) => {
    const smallest = largest[largestLimit - 1]
    if (smallest !== undefined && size <= smallest.bytes) return
    const at = largest.findIndex((kept) => kept.bytes < size)
    largest.splice(at === -1 ? largest.length : at, 0, { file, bytes: size })
    largest.splice(largestLimit)
  }

  return {
    mark: (name: Buffer, { line, text }: Mark): void => {
      todoCount++
      if (todos.length < todoLimit) todos.push({ file: displayName(name), line, text })
    },
    file: (name: Buffer, figures: FileFigures): void => {
      files++
      bytes += figures.bytes
      keepLargest(displayName(name), figures.bytes)
      if (figures.lines === undefined) {
        binaryFiles++
        return
      }
      lines += figures.lines
      const language = languageOf(name.toString("latin1"))
      const sum = languages.get(language) ?? { files: 0, lines: 0 }
      languages.set(language, { files: sum.files + 1, lines: sum.lines + figures.lines })
    },
    /** Returns how many there are by now. */
    leftOut: (): number => ++unreadable,
    figures: (): RepoFigures => ({
      files,
      lines,
      bytes,
      binaryFiles,
      unreadable,
      languages: [...languages]
        .map(([language, sum]) => ({ language, ...sum }))
        .sort((a, b) => b.lines - a.lines || b.files - a.files || (a.language < b.language ? -1 : 1)),
      largest: [...largest],
      todos: [...todos],
      todoCount
    })
  }
}
