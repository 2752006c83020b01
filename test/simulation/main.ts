import { type ChildProcess, fork } from "node:child_process"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { Schema } from "effect"
import { Batch, batch, joined, none, Share } from "./Batch.js"
import { bundled } from "./Bundle.js"
import { shrink, trace } from "./Search.js"
import { simulate } from "./Simulation.js"

/** `npm run simulate -- [--seeds N] [--from S] [--seconds T] | --seed S [--faults N]`: many worlds on all cores, or one with its trace. */

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100000" },
    seconds: { type: "string" },
    from: { type: "string", default: "0" },
    seed: { type: "string" },
    faults: { type: "string" },
    trace: { type: "boolean", default: false }
  }
})

const say = (text: string) => process.stdout.write(`${text}\n`)
const share = 250
/** How often a long run says how far it is, in milliseconds. */
const beat = 60_000

const showOne = (seed: number, faults: number | undefined) => {
  for (const line of trace(seed, { faults })) say(line)
  const { steps, wrong } = simulate(seed, { faults })
  say(
    `seed ${seed}: ${wrong === undefined ? "every rule holds" : `rule ${wrong.rule}: ${wrong.what}`} (${steps} steps)`
  )
  process.exitCode = wrong === undefined ? 0 : 1
}

/** Hands shares of the seeds to one process for each core. */
const runAll = (file: string, from: number, seeds: number, until: number) =>
  new Promise<Batch>((resolve, reject) => {
    let next = from
    let sum = none
    let working = 0
    let toldAt = performance.now()
    const tell = () => {
      if (performance.now() - toldAt < beat) return
      toldAt = performance.now()
      process.stderr.write(`${sum.seeds} of ${seeds} worlds\n`)
    }
    const hand = (part: ChildProcess) => {
      const count = Math.min(share, from + seeds - next)
      if (count <= 0 || sum.broken !== undefined || performance.now() > until) {
        part.disconnect()
        working--
        if (working === 0) resolve(sum)
        return
      }
      part.send({ from: next, count })
      next += count
    }
    for (let core = 0; core < availableParallelism(); core++) {
      working++
      const part = fork(file, { execArgv: ["--max-semi-space-size=32"] })
      part.on("message", (message) => {
        sum = joined(sum, Schema.decodeUnknownSync(Batch)(message))
        tell()
        hand(part)
      })
      part.on("error", reject)
      part.on("exit", (code) => {
        if (code !== 0) reject(new Error(`a part of the simulation ended with ${String(code)}`))
      })
      hand(part)
    }
  })

const report = async (from: number, seeds: number) => {
  const file = await bundled()
  const began = performance.now()
  const until = began + Number(values.seconds ?? Infinity) * 1_000
  const { broken, steps, tally, seeds: lived } = await runAll(file, from, seeds, until)
  const seconds = (performance.now() - began) / 1000
  for (const [what, often] of Object.entries(tally).sort(([a], [b]) => (a < b ? -1 : 1)))
    say(`${often.toString().padStart(10)}  ${what}`)
  say(
    `${lived} worlds from seed ${from}, ${steps} steps, ${seconds.toFixed(1)} s: ${Math.round(lived / seconds)} worlds/s`
  )
  if (lived < seeds && broken === undefined) say(`the time was over after ${lived} of ${seeds} worlds`)
  if (broken === undefined) return say("every rule held in all of them")
  const small = shrink(simulate(broken))
  say(`seed ${broken} breaks a rule; again with: npm run simulate -- --seed ${broken} --faults ${small.faultsNeeded}`)
  showOne(broken, small.faultsNeeded)
}

if (process.send !== undefined) {
  process.on("message", (message) => {
    const { count, from } = Schema.decodeUnknownSync(Share)(message)
    process.send?.(batch(from, count))
  })
} else if (values.seed !== undefined) {
  showOne(Number(values.seed), values.faults === undefined ? undefined : Number(values.faults))
} else await report(Number(values.from), Number(values.seeds))
