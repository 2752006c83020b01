import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { cut, decodeTail, patience } from "../adapters/local-process/Lines.js"
import { plan } from "../adapters/local-process/Plan.js"
import { parseList } from "../adapters/local-process/supervisor/ProcessesDarwin.js"
import { parseStat } from "../adapters/local-process/supervisor/ProcessesLinux.js"
import { answerOf, understand } from "../src/domain/WorkerLine.js"
import { request } from "./support/LocalWork.js"

const bytes = (text: string) => new TextEncoder().encode(text)

/** Feeds output as it grows by the given steps, going on from where the last cut ended. */
const feed = (output: Uint8Array, steps: ReadonlyArray<number>) => {
  let [from, size, within, text] = [0, 0, false, ""]
  for (const step of [...steps, output.length]) {
    size = Math.min(output.length, size + step)
    const last = size === output.length && step === output.length
    const done = cut(output.subarray(from, size), { within, last })
    for (const piece of done.pieces) text += piece.newline ? `${piece.text}\n` : piece.text
    from += done.used
    within = done.within
  }
  return text
}

describe("Output is cut into lines", () => {
  it("says the same whatever the sizes it arrives in", () => {
    const text = fc
      .array(fc.constantFrom("a", "é", "€", "🙂", "\n", "{", "\r\n", " "), { maxLength: 200 })
      .map((parts) => parts.join(""))
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (said, steps) => {
        assert.strictEqual(feed(bytes(said), steps), said)
      })
    )
  })

  it("holds back an unfinished line, and gives up on one that is too long without parting a character", () => {
    assert.deepEqual(
      cut(bytes("one\ntw"), { within: false, last: false }).pieces.map(({ text }) => text),
      ["one"]
    )
    const long = bytes("x" + "é".repeat(patience.text / 2))
    const { pieces, used, within } = cut(long.subarray(0, patience.text), { within: false, last: false })
    assert.isTrue(within)
    assert.strictEqual(used, patience.text - 1)
    assert.notInclude(pieces[0]?.text, "\uFFFD")
    assert.isFalse(pieces[0]?.whole)
  })

  it("waits longer for what may be a worker's JSON", () => {
    assert.strictEqual(cut(bytes("{" + "x".repeat(patience.text)), { within: false, last: false }).used, 0)
  })

  it("puts U+FFFD for what is no UTF-8, and begins a tail with a whole character", () => {
    assert.deepEqual(
      cut(Uint8Array.of(0x61, 0xff, 0x0a), { within: false, last: true }).pieces.map(({ text }) => text),
      ["a\uFFFD"]
    )
    assert.strictEqual(decodeTail(bytes("é!").subarray(1), true), "!")
  })
})

describe("A line of a worker", () => {
  it("is an event, a response or nothing", () => {
    assert.deepEqual(understand('{"type":"task.progress","message":"half","extra":1}', "t")?.entries, [
      { type: "task.progress", message: "half" }
    ])
    assert.isUndefined(understand('{"type":"task.progress"', "t"))
    assert.isUndefined(understand('{"type":"deploy"}', "t"))
    assert.isUndefined(understand("[1]", "t"))
    const response = understand(
      '{"ok":true,"output":7,"events":[{"type":"task.started","message":"hi"}],"artifacts":[{"uri":"file:///a","kind":"report"}]}',
      "t"
    )
    assert.deepEqual(response, {
      entries: [{ log: "hi\n" }],
      artifacts: [{ uri: "file:///a", kind: "report" }],
      answers: true
    })
  })

  it("about another task, or about where the task stands, is only log", () => {
    assert.isUndefined(understand('{"type":"task.result","payload":1,"taskId":"other"}', "t"))
    assert.deepEqual(understand('{"type":"task.succeeded"}', "t"), {
      entries: [{ log: '{"type":"task.succeeded"}\n' }],
      artifacts: [],
      answers: false
    })
  })

  it("that says task.failed or ok: false fails the work", () => {
    assert.deepEqual(answerOf('{"type":"task.failed","message":"no"}', "t"), { ok: false, message: "no" })
    assert.deepEqual(answerOf('{"ok":false,"events":[],"artifacts":[],"error":{"code":"x.y","message":"bad"}}', "t"), {
      ok: false,
      message: "bad",
      error: { code: "x.y" }
    })
    assert.deepEqual(answerOf('{"type":"task.result","payload":{"n":1}}', "t"), { ok: true, result: { n: 1 } })
  })
})

describe("The process table", () => {
  it("reads a name with parentheses and spaces, and sees that a zombie has ended", () => {
    const rest = "1 10 10 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 777 0"
    assert.deepEqual(parseStat(`10 (a) b (c)) S ${rest}`, 10, "boot"), {
      pid: 10,
      startTime: "777",
      bootId: "boot",
      parent: 1,
      group: 10,
      session: 10,
      ended: false
    })
    assert.isTrue(parseStat(`10 (a) Z ${rest}`, 10, "boot")?.ended)
  })

  it("reads what ps prints on macOS", () => {
    assert.deepEqual(
      parseList(
        "  501     1   501 Ss   Mon Nov 16 10:00:01 2026    \n  502   501   501 Z+   Mon Nov 16 10:00:02 2026\n",
        "boot"
      ),
      [
        {
          pid: 501,
          startTime: "Mon Nov 16 10:00:01 2026",
          bootId: "boot",
          parent: 1,
          group: 501,
          session: 501,
          ended: false
        },
        {
          pid: 502,
          startTime: "Mon Nov 16 10:00:02 2026",
          bootId: "boot",
          parent: 501,
          group: 501,
          session: 502,
          ended: true
        }
      ]
    )
  })
})

describe("What is to be run", () => {
  const refusal = (...args: Parameters<typeof request>) =>
    Effect.flip(plan("task", request(...args))).pipe(Effect.map(({ code, message }) => ({ code, message })))
  const command = (...argv: ReadonlyArray<string>) => ({ command: argv })

  it.effect("names the executable that is missing", () =>
    Effect.gen(function* () {
      const { code, message } = yield* refusal(command("no-such-program"))
      assert.strictEqual(code, "local_process.executable_not_found")
      assert.include(message, "no-such-program")
    })
  )

  it.effect("names the folder that is missing", () =>
    Effect.map(refusal({ ...command("/bin/sh"), cwd: "/no/such/folder" }), ({ code, message }) => {
      assert.strictEqual(code, "local_process.working_directory_missing")
      assert.include(message, "/no/such/folder")
    })
  )

  it.effect("refuses arguments no process can get, naming the field and the fix", () =>
    Effect.gen(function* () {
      const echo = command("/bin/echo", "{instruction}")
      assert.match((yield* refusal(echo, { instruction: "a\0b" })).message, /^input\.instruction: .*NUL.*remove/)
      assert.match(
        (yield* refusal(echo, { instruction: "x".repeat(1024 * 1024) })).message,
        /^input\.instruction: has 1048576 bytes.*stdin/
      )
      assert.match((yield* refusal(echo, { instruction: "--yes" })).message, /^input\.instruction: begins with '-'/)
      assert.match((yield* refusal(echo, {})).message, /^input\.instruction: is missing/)
      assert.match((yield* refusal({})).message, /^details\.command: /)
      assert.match((yield* refusal({ ...echo, deadlineSeconds: 0 })).message, /^details\.deadlineSeconds: /)
    })
  )

  it.effect("runs a caller's command only if it is on the allow list, and never through a shell", () =>
    Effect.gen(function* () {
      const allow = { allow: ["echo", "/bin/cat"] }
      const run = (input: { command: string | ReadonlyArray<string>; args?: ReadonlyArray<string> }) =>
        request(allow, input, "command.run")
      assert.deepEqual((yield* plan("task", run({ command: ["echo", "$(id)", ";"] }))).argv.slice(1), ["$(id)", ";"])
      assert.deepEqual((yield* plan("task", run({ command: "/bin/cat", args: ["-n"] }))).argv, ["/bin/cat", "-n"])
      for (const refused of [["cat"], "/bin/echo", ["sh", "-c", "echo"], "toString"]) {
        assert.strictEqual(
          (yield* Effect.flip(plan("task", run({ command: refused })))).code,
          "local_process.executable_not_allowed"
        )
      }
      assert.match(
        (yield* Effect.flip(plan("task", run({ command: "echo a b" })))).message,
        /^input\.command: .*no shell/
      )
      assert.match(
        (yield* Effect.flip(plan("task", run({ command: ["echo", "a\0"] })))).message,
        /^input\.command\[1\]: .*NUL/
      )
    })
  )
})
