import { it } from "@effect/vitest"
import { chaos } from "./chaos/Chaos.js"

/** AGENTDISPATCH_TEST_SEED repeats the choices of an earlier run; their effect still depends on the machine. */
const seed = process.env["AGENTDISPATCH_TEST_SEED"] ?? String(process.hrtime.bigint() % 1_000_000n)
const seconds = Number(process.env["AGENTDISPATCH_CHAOS_SECONDS"] ?? 0)

it.scopedLive(
  "whatever happens to servers, supervisors, work, disk, database, clocks and connections: work runs at most once, succeeds or ends with a name, and nothing is left",
  () => chaos({ seed, seconds, callers: 4 }),
  (seconds + 240) * 1_000
)
