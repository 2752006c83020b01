import { Effect, Either } from "effect"
import type { AdapterSpec } from "../../src/domain/AdapterSpec.js"
import { AdapterNotFound } from "../../src/domain/DispatchError.js"
import type { Resource, Task } from "../../src/domain/Task.js"
import type { Adapter, AdapterFailure, Adapters, Progress } from "../../src/services/Adapter.js"
import { specs } from "../fakes/FakeAdapter.js"
import type { FarSide } from "./FarSide.js"
import type { Faults } from "./Faults.js"
import type { Network, Request } from "./Network.js"
import type { Process } from "./Process.js"
import type { Witness } from "./Witness.js"

export type AnAdapter = typeof Adapter.Service

interface Parts {
  readonly process: Process
  readonly network: Network
  readonly faults: Faults
  readonly far: FarSide
  readonly witness: Witness
}

/** The backends as one process reaches them, one for each way a start can behave. */
export const backends = (parts: Parts, planted: (adapter: AnAdapter) => AnAdapter): typeof Adapters.Service => {
  const built = new Map(specs.map((spec) => [spec.name, planted(adapter(parts, spec))]))
  return {
    specs,
    find: (name) => {
      const found = built.get(name)
      return found === undefined
        ? Effect.fail(new AdapterNotFound({ name, known: [...built.keys()] }))
        : Effect.succeed(found)
    }
  }
}

const adapter = ({ far, faults, network, process, witness }: Parts, spec: AdapterSpec): AnAdapter => {
  const send = <A>(task: Task, operation: string, arrival: () => A, more: Partial<Request> = {}) =>
    network.send(process, { operation, task, repeatable: true, ...more }, () => Either.right(arrival()))

  const ask = (task: Task, operation: string, arrival: () => AdapterFailure | undefined, more: Partial<Request> = {}) =>
    network.send(process, { operation, task, repeatable: true, ...more }, () => {
      const failure = arrival()
      if (failure === undefined) return Either.right({})
      network.excuse(task.id, failure.code)
      return Either.left(failure)
    })

  return {
    spec,
    describe: () => undefined,
    check: () => Effect.succeed([]),
    prepare: (task) => Effect.succeed(needsMachine(task) ? { resources: [machine(task, "intended")] } : {}),
    provision: (task) =>
      Effect.suspend(() => {
        witness.provisions(task)
        return ask(task, "provision", () => far.provision(task), {
          takes: () => far.readyAt(task) - process.world.now
        })
      }).pipe(
        Effect.as<Progress>({
          resources: [machine(task, "created")],
          entries: [{ type: "runtime.provisioned" }]
        })
      ),
    start: (task) =>
      Effect.suspend(() => {
        witness.starts(task)
        const resendable = spec.start === "idempotent"
        return ask(task, "start", () => far.start(task, resendable), { repeatable: resendable })
      }).pipe(Effect.as<Progress>({ providerRefs: { token: task.startToken ?? "" } })),
    probe: (task) =>
      send(task, "probe", () => {
        const known = far.knows(task)
        if (faults.strikes("cannot say", () => process.name)) return "cannot say"
        return known ? "has it" : "never got it"
      }),
    observe: (task) => send(task, "observe", () => far.observe(task)),
    finish: (task) =>
      Effect.suspend(() => {
        witness.finishes(task)
        return Effect.asVoid(send(task, "finish", () => undefined))
      }),
    cancel: (task) => send(task, "cancel", () => far.cancel(task)),
    cleanup: (task, resources) => send(task, "cleanup", () => far.cleanup(task, resources)),
    answer: (task, question) => Effect.asVoid(ask(task, "answer", () => far.answer(task, question)))
  }
}

const needsMachine = (task: Task) => task.request.target.mode === "runtime"

const machine = (task: Task, state: Resource["state"]): Resource => ({
  key: "machine",
  kind: "machine",
  ref: { name: `machine-of-${task.id}` },
  state
})
