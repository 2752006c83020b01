import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "@effect/vitest"
import { Either, Schema } from "effect"
import { specs } from "../../adapters/Registry.generated.js"
import type { Config } from "../../src/domain/Config.js"
import { JsonObject } from "../../src/domain/Json.js"
import type { LaneConfig } from "../../src/domain/LaneConfig.js"
import { routeUnit } from "../../src/domain/LaneRouting.js"
import type { RoutedRequest } from "../../src/domain/Task.js"
import { contractJson } from "./Contract.js"

const object = Schema.decodeUnknownSync(JsonObject)

/** The contract's own allowlist. */
export const repos = object(contractJson("repos"))
export const allowlist = { orgs: object(repos["orgs"]), repos: object(repos["repos"]) }

export const settings = { host: "localhost", maxIterations: 50, timeoutSeconds: 60 }

export const withLanes = (lanes: LaneConfig): Config => ({
  accounts: {},
  backends: {},
  runtimes: {},
  defaults: {},
  policy: { rules: [] },
  lanes
})

/** A unit for the contract's storefront, as it is routed. */
export const unit = (task: string, lanes: LaneConfig = {}): RoutedRequest =>
  Either.getOrThrow(
    routeUnit(
      { config: withLanes(lanes), specs },
      { allowlist, ...settings },
      { orguser: "web-bot", repo: "storefront", task }
    )
  )

/** Removed after the suite. */
export const root = mkdtempSync(join(tmpdir(), "agentdispatch-lane-"))
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))

/** A lane in a folder: work goes on behind its back, its ledger counts what really began. */
const lane = join(root, "lane.sh")
writeFileSync(
  lane,
  `at="${root}/$2"
case "$1" in
dispatch)
  echo began >> "$at.runs"
  setsid sh -c '
    echo $$ > "$1.pid"; echo first >> "$1.log"
    case "$2" in
    succeed) sleep 0.3; echo second >> "$1.log"; echo succeeded > "$1.end" ;;
    fail) sleep 0.2; echo failed > "$1.end" ;;
    *) while :; do echo on >> "$1.log"; sleep 0.3; done ;;
    esac' work "$at" "$3" </dev/null >/dev/null 2>&1 &
  echo "accepted $2" ;;
status)
  if [ -e "$at.cancelled" ]; then word=cancelled
  elif [ -e "$at.end" ]; then word=$(cat "$at.end")
  elif [ -e "$at.runs" ]; then word=running
  else word=unknown; fi
  log=$(awk '{ printf "%s\\\\n", $0 }' "$at.log" 2>/dev/null)
  printf '{"status":"%s","detail":"it is %s","log":"%s"}\\n' "$word" "$word" "$log" ;;
cancel)
  [ -e "$at.end" ] || touch "$at.cancelled"
  kill -9 "-$(cat "$at.pid")" ;;
esac
`
)

const command = (verb: string, ...more: ReadonlyArray<string>) => ["sh", lane, verb, "{handle}", ...more] as const

/** The lane's commands: it can be asked, and it can be stopped. */
export const asked: LaneConfig = {
  command: command("dispatch", "{task}"),
  status: command("status"),
  cancel: command("cancel")
}

const readOr = (path: string): string =>
  Either.getOrElse(
    Either.try(() => readFileSync(path, "latin1")),
    () => ""
  )

export const runs = (handle: string): number => readOr(join(root, `${handle}.runs`)).split("\n").length - 1

export const alive = (handle: string): boolean => {
  const pid = readOr(join(root, `${handle}.pid`)).trim()
  return pid !== "" && /\) [^ZX] /.test(readOr(`/proc/${pid}/stat`))
}
