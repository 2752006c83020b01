import type { Effect, Scope } from "effect"
import type { Bench, Broken } from "./Bench.js"

/** One thing that an emulator cannot show. */
export interface Check {
  readonly name: string
  readonly shows: string
  /** The operations it sends, in their order. */
  readonly calls: string
  /** About how long its sessions are open in all, in seconds; what it can cost follows from it. */
  readonly sessionSeconds: number
  /** About how long it takes, in words. */
  readonly takes: string
  /** `image`: it makes runtimes of its own, from `--image` and `--role`. */
  readonly needs: "runtime" | "image"
  /** Runs only when it is named. */
  readonly slow?: true
  readonly run: (bench: Bench) => Effect.Effect<void, Broken, Scope.Scope>
}
