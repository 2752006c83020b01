import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { makeRedaction } from "../../src/domain/Redaction.js"
import { sample, seeded } from "./Sample.js"

const samplesPerRule = 50
const redaction = makeRedaction({ values: [], patterns: [] })

/** How much of a set of rules is recognised, by texts made from each rule's own expression. */
export interface Recall {
  readonly rules: number
  readonly samples: number
  readonly recognised: number
  /** Rules of which fewer than 9 in 10 samples are recognised, with their share. */
  readonly missed: ReadonlyArray<string>
}

/** Reads gitleaks' config/gitleaks.toml; rules without an expression look at file names alone and do not count. */
export const recallOf = (toml: string): Recall => {
  const random = seeded(20_26)
  const counted = rulesIn(toml).map(([id, source]) => {
    const samples = Array.from({ length: samplesPerRule }, () => sample(source, random))
    return { id, found: samples.filter((secret) => redaction.text(secret) !== secret).length }
  })
  return {
    rules: counted.length,
    samples: counted.length * samplesPerRule,
    recognised: counted.reduce((sum, { found }) => sum + found, 0),
    missed: counted
      .filter(({ found }) => found < samplesPerRule * 0.9)
      .map(({ found, id }) => `${id} ${found}/${samplesPerRule}`)
  }
}

const rulesIn = (toml: string): ReadonlyArray<readonly [id: string, source: string]> =>
  toml.split(/^\[\[rules\]\]$/m).flatMap((rule) => {
    const id = /^id = "([^"]+)"/m.exec(rule)?.[1]
    const source = /^regex = '''(.*)'''$/m.exec(rule)?.[1]
    return id === undefined || source === undefined ? [] : [[id, source] as const]
  })

/** What is found in texts that hold no secret. */
export interface FalsePositives {
  readonly megabytes: number
  readonly findings: number
  readonly millis: number
  /** The files with findings, and what was found. */
  readonly where: ReadonlyArray<string>
}

export const falsePositivesIn = (folders: ReadonlyArray<string>): FalsePositives => {
  let characters = 0
  let millis = 0
  const where: Array<string> = []
  for (const path of folders.flatMap(textsBelow)) {
    const text = readFileSync(path, "utf8")
    characters += text.length
    const began = performance.now()
    const told = redaction.text(text)
    millis += performance.now() - began
    if (told === text) continue
    for (const [marker] of told.matchAll(/\[redacted: [^\]]+\]/g))
      if (!text.includes(marker)) where.push(`${path} ${marker}`)
  }
  return { megabytes: characters / 1_000_000, findings: where.length, millis, where }
}

const textsBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(?:[cm]?[jt]sx?|md|json|ya?ml|txt)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size < 2_000_000)
