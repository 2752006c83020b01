/** One thing that was seen beside what the sources say. */
export interface Seen {
  readonly what: string
  readonly expected: string
  readonly observed: string
  readonly holds: boolean
}

/** One call as the service knows it. */
export interface Request {
  readonly operation: string
  readonly words: string
  readonly id: string
}

/** What no source says; it is written down and can not differ. */
export const unsaid = "no source says"

/** What came of one check, written while it runs. */
export const newFinding = () => {
  const seen: Array<Seen> = []
  return {
    seen,
    requests: new Array<Request>(),
    /** Seconds in which a session of the check could be billed. */
    seconds: 0,
    /** What could not be confirmed gone. */
    left: new Array<string>(),
    pen: {
      same: (what: string, expected: string, observed: string) =>
        void seen.push({ what, expected, observed, holds: expected === observed }),
      judged: (what: string, expected: string, observed: string, holds: boolean) =>
        void seen.push({ what, expected, observed, holds }),
      told: (what: string, observed: string) => void seen.push({ what, expected: unsaid, observed, holds: true })
    }
  }
}
export type Finding = ReturnType<typeof newFinding>

export type Verdict = "pass" | "differs" | "skipped"

export const verdictOf = ({ seen, left }: Finding): Verdict =>
  seen.length > 0 && left.length === 0 && seen.every(({ holds }) => holds) ? "pass" : "differs"
