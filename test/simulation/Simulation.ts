import { Effect } from "effect"
import type { Task } from "../../src/domain/Task.js"
import type { LeaseOptions } from "../../src/drivers/SchedulerLease.js"
import { type Store } from "../../src/services/Store.js"
import { makeMemory } from "../../src/services/StoreMemory.js"
import { type AnAdapter, backends } from "./Backend.js"
import { Callers } from "./Callers.js"
import { Disk } from "./Disk.js"
import { FarSide } from "./FarSide.js"
import { Faults } from "./Faults.js"
import { Network } from "./Network.js"
import { forgetKilled, Process } from "./Process.js"
import { type Incident, type Job, scenario } from "./Scenario.js"
import { configFor, countingIds, type Server, startServer } from "./Server.js"
import { Witness, type Wrong } from "./Witness.js"
import { World } from "./World.js"

/** A defect put in from outside, to see it found. */
export interface Plant {
  readonly store?: (store: typeof Store.Service) => typeof Store.Service
  readonly adapter?: (adapter: AnAdapter) => AnAdapter
  readonly lease?: (lease: LeaseOptions) => LeaseOptions
}

export interface Options {
  readonly plant?: Plant | undefined
  /** So many faults and then no more. */
  readonly faults?: number | undefined
  readonly listener?: ((line: string) => void) | undefined
}

export interface Verdict {
  readonly seed: number
  readonly wrong: Wrong | undefined
  readonly faults: number
  readonly steps: number
  readonly tally: ReadonlyMap<string, number>
}

/** By when everything must have ended after the last thing went wrong, in milliseconds. */
const bound = 40 * 60_000
const mostSteps = 100_000

/** Lives one seed's world through, and stops at the first rule that does not hold. */
export const simulate = (seed: number, { faults: most = Infinity, listener, plant = {} }: Options = {}): Verdict => {
  const world = new World(seed, listener)
  const plan = scenario(world.chance)
  const { chance } = world
  const faults = new Faults(world, plan, most)
  const store = Effect.runSync(makeMemory)
  const jobOf = (task: Task): Job => jobNamed(plan.jobs, task)
  const far = new FarSide(world, jobOf)
  const ids = countingIds()
  const config = configFor(plan.room)
  const servers: Array<Server> = []
  let started = 0

  const start = () => {
    const process: Process = new Process(
      world,
      `server ${++started}`,
      chance.below(2 * plan.skew + 1) - plan.skew,
      (text) => witness.accuse(0, text)
    )
    const mounted = disk.mount(process)
    servers.push(
      startServer(process, {
        store: plant.store?.(mounted) ?? mounted,
        adapters: backends({ process, network, faults, far, witness }, plant.adapter ?? ((adapter) => adapter)),
        ids,
        config,
        lease: plant.lease?.(plan.lease) ?? plan.lease
      })
    )
  }

  /** Somebody starts another one, sooner or later. */
  const replace = (process: Process) => {
    servers.splice(0, servers.length, ...servers.filter((server) => server.process !== process))
    world.after(chance.pick([0, 300, 4_000]), start)
  }

  const kill = (process: Process) => {
    if (process.dead) return
    world.say(() => `✗ ${process.name} is killed`)
    process.kill()
    replace(process)
  }

  const network = new Network(world, faults, kill, () => witness.renew())
  const witness: Witness = new Witness({
    world,
    store,
    far,
    jobOf,
    excuses: network.excuses,
    room: plan.room,
    troubled: () => faults.used > 0
  })
  const disk = new Disk(world, faults, store, () => (witness.look(), callers.noticed()), plan.slowDisk, kill)
  const callers = new Callers(world, witness, () => servers)

  const befall = ({ millis, what, whom }: Incident) => {
    if (what === "lose") {
      if (far.isAnyAlive() && faults.spend("worker lost", () => "")) far.lose(whom)
      return
    }
    const server = servers[whom % Math.max(1, servers.length)]
    if (server === undefined || !faults.spend(`server ${what}`, () => server.process.name)) return
    if (what === "kill") kill(server.process)
    else if (what === "pause") server.process.pause(millis)
    else if (what === "part") network.part(server.process, millis)
    else {
      server.leave()
      replace(server.process)
    }
  }

  for (let index = 0; index < plan.servers; index++) world.after(chance.while(500), start)
  for (const job of plan.jobs) callers.begin(job)
  for (const incident of plan.incidents) world.after(incident.at, () => befall(incident))
  const begun = world.now
  world.after(plan.calmAt, () => {
    faults.calm = true
    network.heal()
  })

  const isOver = () =>
    callers.waiting === 0 &&
    network.inFlight === 0 &&
    witness.kept.size + callers.refused.size === plan.jobs.length &&
    [...witness.kept.values()].every(({ task }) => task.settled)

  while (witness.wrong === undefined && !isOver()) {
    if (world.now > begun + plan.calmAt + bound || world.steps > mostSteps || !world.step()) {
      witness.checkAtLast()
      witness.accuse(
        4,
        `something still waits after ${Math.round((world.now - begun) / 1_000)} s and ${world.steps} steps`
      )
      break
    }
    witness.checkIfNew()
  }
  if (witness.wrong === undefined) witness.checkAtLast()
  forgetKilled()
  return { seed, wrong: witness.wrong, faults: faults.used, steps: world.steps, tally: world.tally }
}

const jobNamed = (jobs: ReadonlyArray<Job>, { request }: Task): Job => {
  const [first, second] = jobs
  const job = request.input["instruction"] === "job 1" ? second : first
  if (job === undefined) throw new Error("every task is one of the jobs")
  return job
}
