import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import { Lanes } from "../src/dispatch/Lanes.js"
import { AllowlistInvalid } from "../src/domain/LaneError.js"
import { Store } from "../src/services/Store.js"
import { CommandNotFound, CommandTimedOut } from "../src/services/Transport.js"
import { startProcess } from "./fakes/CoreFixture.js"
import { exited, said } from "./fakes/FakeTransport.js"
import { dispatched, fixed, inTime, laneCore, settledUnit, web } from "./support/LaneCore.js"

const handle = /^dsp-[0-9a-f]{16}$/
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const polled = ["lane-dispatch", "{handle}", "{task}"] as const

describe("a unit", () => {
  it.scoped("runs the contract's command once, with the task as one element, and is told in the lanes' words", () =>
    Effect.gen(function* () {
      const { audited, layer, machine } = laneCore()
      yield* Effect.gen(function* () {
        const lanes = yield* Lanes
        const store = yield* Store
        yield* startProcess()
        const wild = "$(id); `x` \u202e\n--max 9"
        const recorded: Array<string> = []
        machine.script.answer = () =>
          Effect.zipRight(
            Effect.orDie(
              Effect.map(store.list({ limit: 9 }), ({ tasks }) => recorded.push(...tasks.map(({ status }) => status)))
            ),
            said("lane 7 started\n")(machine.seen[0] ?? assert.fail("nothing ran"))
          )
        const view = yield* dispatched(`  ${wild}\n`)
        assert.deepStrictEqual(Object.keys(view), ["handle", "orguser", "repo", "github", "status", "requested_at"])
        assert.match(view.handle, handle)
        assert.match(view.requested_at, instant)
        assert.deepInclude(view, {
          orguser: "web-bot",
          repo: "storefront",
          github: "example-org/storefront",
          status: "running"
        })
        assert.deepStrictEqual(recorded, ["starting"], "it is on disk before the command runs")
        assert.deepStrictEqual(
          machine.seen.map(({ argv }) => argv),
          [fixed(wild)]
        )
        assert.deepStrictEqual(
          machine.seen.map(({ timeoutSeconds }) => timeoutSeconds),
          [60]
        )

        const { id } = yield* settledUnit(view.handle)
        assert.deepStrictEqual(yield* lanes.status(id), view, "the task id leads to the same")
        assert.deepStrictEqual(yield* lanes.result(view.handle), { ...view, returncode: 0, detail: "lane 7 started" })
        assert.deepStrictEqual(yield* lanes.list, { count: 1, dispatches: [view] })
        const dispatch = yield* Dispatch
        assert.strictEqual((yield* dispatch.status(view.handle, {})).id, id)
        assert.deepStrictEqual((yield* dispatch.result(view.handle, {})).result, {
          returncode: 0,
          detail: "lane 7 started"
        })
        const where = { orguser: "web-bot", repo: "storefront", github: "example-org/storefront" }
        assert.deepStrictEqual(
          (yield* audited).map(({ event, handle: name, outcome }) => [event, name, outcome]),
          [
            ["dispatch_unit", view.handle, "accepted"],
            ["dispatch_unit.ended", view.handle, "running"]
          ]
        )
        const last = (yield* audited)[1]
        assert.deepStrictEqual(last?.detail, {
          ...where,
          requested_at: view.requested_at,
          status: "running",
          returncode: 0
        })
        assert.deepStrictEqual(last?.sensitive, { task_preview: wild, argv: fixed(wild), detail: "lane 7 started" })
      }).pipe(Effect.provide(layer))
    })
  )

  for (const [what, code, answer, returncode] of [
    ["fails", "lane.command_failed", exited(3, "no such lane\n"), 3],
    ["is not there", "lane.command_not_found", () => new CommandNotFound({ executable: "dotfiles-dispatch" }), null],
    [
      "takes too long",
      "lane.timeout",
      () => new CommandTimedOut({ executable: "dotfiles-dispatch", seconds: 60 }),
      null
    ]
  ] as const) {
    it.scoped(`whose command ${what} is an error that names its handle, recorded, audited and never run again`, () =>
      Effect.gen(function* () {
        const { audited, layer, machine } = laneCore()
        yield* Effect.gen(function* () {
          const lanes = yield* Lanes
          yield* startProcess()
          machine.script.answer = answer
          const error = yield* Effect.flip(dispatched("work"))
          assert.strictEqual(error.code, code)
          const name = /\(handle (dsp-[0-9a-f]{16})\)$/.exec(error.message)?.[1] ?? assert.fail(error.message)
          yield* settledUnit(name)
          yield* TestClock.adjust("2 minutes")
          assert.lengthOf(machine.seen, 1)
          const result = yield* lanes.result(name)
          assert.deepStrictEqual([result.status, result.returncode], ["failed", returncode])
          assert.isNotEmpty(result.detail)
          const told = (yield* audited).map(({ code: of, event, outcome }) => [event, outcome, of])
          assert.deepStrictEqual(told, [
            ["dispatch_unit", "accepted", undefined],
            ["dispatch_unit.ended", "failed", code]
          ])
        }).pipe(Effect.provide(layer))
      })
    )
  }

  it.scoped("that is refused runs nothing, leaves no task, and is audited with its code", () =>
    Effect.gen(function* () {
      const { audited, layer, list, machine } = laneCore(
        {},
        {
          policy: { rules: [{ effect: "deny", providers: ["lane"], reason: "not today" }] }
        }
      )
      yield* Effect.gen(function* () {
        const lanes = yield* Lanes
        yield* startProcess()
        const calls = [
          [{ ...web("x"), repo: "nowhere" }, "lane.unknown_repo"],
          [{ ...web("x"), orguser: "data-bot" }, "lane.wrong_owner"],
          [web(" "), "lane.task_invalid"],
          [web("-rf"), "lane.task_invalid"],
          [web("x"), "policy.denied"]
        ] as const
        for (const [call, code] of calls) {
          assert.strictEqual((yield* Effect.flip(lanes.dispatchUnit(call, {}))).code, code)
        }
        list.read = new AllowlistInvalid({ source: "repos.json", problem: "expected a colon", line: 3, column: 7 })
        const broken = yield* Effect.flip(lanes.dispatchUnit(web("x"), {}))
        assert.include(broken.message, "line 3, column 7")
        assert.deepStrictEqual(
          (yield* audited).map(({ code, outcome }) => [outcome, code]),
          [...calls.map(([, code]) => ["refused", code]), ["refused", "lane.allowlist_invalid"]]
        )
        assert.deepStrictEqual(yield* lanes.list, { count: 0, dispatches: [] })
        assert.lengthOf(machine.seen, 0)
        for (const name of ["", "dsp-", "dsp-0123456789abcdef", "../x", "task_zzzzzzzzzzzzzzzzzzzzzzzzzz"]) {
          assert.strictEqual((yield* Effect.flip(lanes.status(name))).code, "lane.handle_unknown", name)
        }
      }).pipe(Effect.provide(layer))
    })
  )

  it.scoped("is one unit for one key", () =>
    Effect.gen(function* () {
      const { layer, machine } = laneCore()
      yield* Effect.gen(function* () {
        yield* startProcess()
        const [first, second] = [yield* dispatched("once", "k"), yield* dispatched("once", "k")]
        assert.strictEqual(second.handle, first.handle)
        assert.lengthOf(machine.seen, 1)
        assert.strictEqual((yield* Effect.flip(dispatched("other", "k"))).code, "idempotency.conflict")
      }).pipe(Effect.provide(layer))
    })
  )

  it.scoped("whose server dies in the middle of the command is not dispatched again", () =>
    Effect.gen(function* () {
      const { layer, machine } = laneCore()
      yield* Effect.gen(function* () {
        const lanes = yield* Lanes
        machine.script.answer = () => Effect.never
        const first = yield* startProcess()
        const waiting = yield* Effect.fork(Effect.flip(lanes.dispatchUnit(web("work"), {})))
        while (machine.seen.length === 0) yield* TestClock.adjust("250 millis")
        yield* first.kill
        yield* startProcess()
        const error = yield* inTime(waiting)
        assert.strictEqual(error.code, "start.indeterminate")
        assert.lengthOf(machine.seen, 1)
      }).pipe(Effect.provide(layer))
    })
  )

  it.scoped("whose command is slow is answered as it stands, and goes on", () =>
    Effect.gen(function* () {
      const { layer, machine } = laneCore()
      yield* Effect.gen(function* () {
        const lanes = yield* Lanes
        yield* startProcess()
        machine.script.answer = (command) => Effect.delay(said("late")(command), "55 seconds")
        const view = yield* dispatched("work")
        assert.strictEqual(view.status, "pending")
        yield* settledUnit(view.handle)
        assert.deepInclude(yield* lanes.result(view.handle), { status: "running", detail: "late" })
      }).pipe(Effect.provide(layer))
    })
  )
})

describe("a lane that can be asked", () => {
  const lanes = { command: polled, status: ["lane-status", "{handle}"], cancel: ["lane-cancel", "{handle}"] } as const

  it.scoped("is asked until the work has ended, by any process", () =>
    Effect.gen(function* () {
      const { layer, machine } = laneCore(lanes)
      yield* Effect.gen(function* () {
        const units = yield* Lanes
        let report = '{"status":"running","detail":"step 1","log":"a\\n"}'
        machine.script.answer = (command) => said(command.argv[0] === "lane-status" ? report : "taken")(command)
        const first = yield* startProcess()
        const view = yield* dispatched("work")
        assert.strictEqual(view.status, "running")
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual((yield* units.status(view.handle)).status, "running")
        yield* first.kill
        yield* startProcess()
        report = '{"status":"succeeded","detail":"merged","log":"a\\nb\\n","returncode":0}'
        yield* settledUnit(view.handle)
        assert.deepInclude(yield* units.result(view.handle), { status: "succeeded", returncode: 0, detail: "merged" })
        const log = yield* Effect.flatMap(Dispatch, (core) => core.logs(view.handle, { cursor: 0, limit: 99 }))
        assert.strictEqual(log.data, "taken\na\nb\n")
        assert.lengthOf(
          machine.seen.filter(({ argv }) => argv[0] === "lane-dispatch"),
          1
        )
        assert.deepStrictEqual(machine.seen[1]?.argv, ["lane-status", view.handle])
      }).pipe(Effect.provide(layer))
    })
  )

  it.scoped("is stopped only on its own word", () =>
    Effect.gen(function* () {
      const { layer, machine } = laneCore(lanes)
      yield* Effect.gen(function* () {
        let word = "running"
        machine.script.answer = (command) => said(command.argv[0] === "lane-status" ? word : "ok")(command)
        yield* startProcess()
        const view = yield* dispatched("work")
        const dispatch = yield* Dispatch
        const unconfirmed = yield* inTime(dispatch.cancel(view.handle))
        assert.strictEqual(unconfirmed.status, "failed")
        assert.isTrue(machine.seen.some(({ argv }) => argv[0] === "lane-cancel"))
        word = "cancelled"
        assert.strictEqual((yield* inTime(dispatch.cancel(view.handle))).status, "cancelled")
        assert.strictEqual((yield* Effect.flatMap(Lanes, (units) => units.status(view.handle))).status, "failed")
      }).pipe(Effect.provide(layer))
    })
  )
})

describe("a configured lane backend", () => {
  const config = {
    accounts: { bots: { provider: "lane", credentialSource: "none" } },
    backends: {
      shop: {
        adapter: "github-lane",
        account: "bots",
        details: { orguser: "web-bot", repo: "storefront", github: "example-org/storefront" }
      }
    }
  }
  const call = {
    provider: "lane",
    accountProfile: "bots",
    capability: "agent-runtime",
    taskType: "agent.run",
    target: { mode: "session" },
    input: { instruction: "work", orguser: "data-bot", repo: "warehouse", command: ["rm"] }
  } as const

  it.scoped("goes where its config says, whatever the call says", () =>
    Effect.gen(function* () {
      const { layer, machine } = laneCore({}, config)
      yield* Effect.gen(function* () {
        const dispatch = yield* Dispatch
        yield* startProcess()
        const { taskId } = yield* dispatch.dispatch(call, {})
        yield* inTime(dispatch.result(taskId, { waitSeconds: 30 }))
        assert.deepStrictEqual(
          machine.seen.map(({ argv }) => argv),
          [fixed("work")]
        )
        for (const details of [{ repo: "warehouse" }, { command: ["rm"] }, { ssh: { host: "x" } }, { host: "-x" }]) {
          const refused = yield* Effect.flip(dispatch.dispatch({ ...call, target: { mode: "session", details } }, {}))
          assert.strictEqual(refused.code, "input.invalid")
        }
        const dashed = yield* dispatch.dispatch({ ...call, input: { instruction: "--max 9" } }, {})
        const { error } = yield* inTime(dispatch.result(dashed.taskId, { waitSeconds: 30 }))
        assert.strictEqual(error?.code, "lane.task_invalid")
        assert.lengthOf(machine.seen, 1)
      }).pipe(Effect.provide(layer))
    })
  )
})
