import { runMain } from "@effect/platform-node/NodeRuntime"
import { Effect, Exit } from "effect"
import { readOptions } from "./Options.js"
import { planText, usageText } from "./Report.js"
import { run } from "./Run.js"

/** What only a real account can show: told without arguments, checked with `--live`. */

const interrupted = 130

const say = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))
const warn = (text: string) => Effect.sync(() => void process.stderr.write(`${text}\n`))

const main = Effect.flatMap(readOptions(process.argv.slice(2)), ({ account, only }) =>
  account === undefined ? Effect.as(say(planText(only)), 0) : run(account, only, say)
).pipe(
  Effect.catchTags({
    Usage: ({ problem }) => Effect.as(warn(usageText(problem)), 2),
    Broken: ({ detail }) => Effect.as(warn(detail), 1)
  })
)

runMain(main, {
  disableErrorReporting: true,
  disablePrettyLogger: true,
  teardown: (exit) => process.exit(Exit.isSuccess(exit) && typeof exit.value === "number" ? exit.value : interrupted)
})
