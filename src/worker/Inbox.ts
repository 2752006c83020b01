/** Messages on their way to the work; nothing is lost between the last look and the end. */
export interface Inbox {
  /** The work says that it takes messages. */
  readonly open: () => void
  /** All that came since it was opened; from now on nothing more is taken. */
  readonly close: () => ReadonlyArray<string>
  /** False where the work takes no messages, or no more. */
  readonly deliver: (text: string) => boolean
}

export const makeInbox = (): Inbox => {
  let opened = false
  let kept: ReadonlyArray<string> = []
  return {
    open: () => {
      opened = true
    },
    close: () => {
      opened = false
      return kept
    },
    deliver: (text) => {
      if (opened) kept = [...kept, text]
      return opened
    }
  }
}
