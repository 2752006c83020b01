import { type IncomingMessage, type ServerResponse } from "node:http"
import { type Caller } from "./Caller.js"
import { type EmulatedClock } from "./EmulatedClock.js"
import { type Fault, type Faults } from "./Faults.js"
import { type Invocation, type Ledgers } from "./Ledger.js"
import { type Settings } from "./Options.js"
import { type Rates } from "./Rates.js"
import { type Runtimes } from "./Runtimes.js"
import { type Sessions } from "./Sessions.js"
import { type Tokens } from "./Tokens.js"

/** Everything the service consists of. */
export interface World {
  readonly clock: EmulatedClock
  readonly settings: Settings
  readonly ledgers: Ledgers
  readonly faults: Faults
  readonly rates: Rates
  readonly runtimes: Runtimes
  readonly sessions: Sessions
  readonly tokens: Tokens
  /** Takes no connection for so many real milliseconds. */
  readonly refuse: (ms: number) => void
}

/** One signed request, its path taken apart. */
export interface Call {
  readonly world: World
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly op: string
  /** The variable parts of the path, decoded. */
  readonly path: ReadonlyArray<string>
  readonly query: URLSearchParams
  readonly body: Buffer
  readonly caller: Caller
  readonly entry: Invocation
  readonly fault: Fault | undefined
}
