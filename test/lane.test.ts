import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import { specs } from "../adapters/Registry.generated.js"
import { resolve, taskText } from "../src/domain/Lane.js"
import { LaneConfig } from "../src/domain/LaneConfig.js"
import { routeUnit } from "../src/domain/LaneRouting.js"
import { argvOf, Template, type Values } from "../src/domain/LaneTemplate.js"
import { commandOf, taskOf, workOf } from "../src/domain/LaneWork.js"
import { posixQuote, sshArgv } from "../src/domain/Ssh.js"
import { reportOf } from "../adapters/github-lane/Wire.js"
import { allowlist, settings, unit, withLanes } from "./support/LaneBench.js"

const template = Schema.decodeUnknownSync(Template)
const contract = template(["dotfiles-dispatch", "{orguser}", "{repo}", "{task}", "--host", "{host}", "--max", "{max}"])

const refusal = <A, E extends { readonly code: string }>(result: Either.Either<A, E>): string =>
  Either.match(result, { onLeft: ({ code }) => code, onRight: () => "accepted" })

describe("the allowlist", () => {
  it("knows a repository only together with its owner", () => {
    assert.deepStrictEqual(
      resolve(allowlist, "web-bot", "storefront"),
      Either.right({
        orguser: "web-bot",
        repo: "storefront",
        github: "example-org/storefront"
      })
    )
    assert.strictEqual(refusal(resolve(allowlist, "data-bot", "storefront")), "lane.wrong_owner")
    assert.strictEqual(refusal(resolve(allowlist, "nobody", "storefront")), "lane.wrong_owner")
    assert.strictEqual(refusal(resolve(allowlist, "web-bot", "nowhere")), "lane.unknown_repo")
  })

  it("has no target in an entry whose org is not declared, or that is no object", () => {
    assert.strictEqual(refusal(resolve(allowlist, "ghost-bot", "orphan")), "lane.unknown_repo")
    assert.strictEqual(refusal(resolve(allowlist, "web-bot", "malformed")), "lane.unknown_repo")
  })

  it("takes no name for another: case, look-alikes, marks, wildcards, paths, inherited members", () => {
    const strange = [
      "Storefront",
      "STOREFRONT",
      "st\u043erefront",
      "storefront\u200b",
      "\u202estorefront",
      "storefront\u0000",
      "*",
      "store*",
      "../storefront",
      "-storefront",
      "--help",
      "__proto__",
      "constructor",
      "toString",
      "",
      "$(id)",
      "a;b"
    ]
    for (const repo of strange)
      assert.strictEqual(refusal(resolve(allowlist, "web-bot", repo)), "lane.unknown_repo", repo)
    for (const owner of ["Web-bot", "web-b\u043et", "__proto__", "constructor", "", "-web-bot", "*"]) {
      assert.strictEqual(refusal(resolve(allowlist, owner, "storefront")), "lane.wrong_owner", owner)
    }
  })

  it("has no lane under an inherited org, nor one whose GitHub name would be an option", () => {
    const repos = {
      one: { org: "constructor", github: "x/one" },
      two: { org: "web-bot", github: "--upload-pack=x" },
      three: { org: "web-bot" }
    }
    assert.strictEqual(refusal(resolve({ orgs: {}, repos }, "constructor", "one")), "lane.unknown_repo")
    assert.strictEqual(refusal(resolve({ ...allowlist, repos }, "web-bot", "two")), "lane.unknown_repo")
    const plain = resolve({ ...allowlist, repos }, "web-bot", "three")
    assert.deepStrictEqual(plain, Either.right({ orguser: "web-bot", repo: "three", github: "three" }))
  })
})

describe("a task's text", () => {
  const judged = (text: string, command = contract) => Either.getOrElse(taskText(text, [command]), ({ code }) => code)

  it("is trimmed and otherwise kept as it is, up to 8,000 characters", () => {
    const wild = "$(rm -rf /) `id` ; | & > < * ? \" ' \\ \n\t\u202e\u{1F600} --host evil"
    assert.strictEqual(judged(`  ${wild}\n`), wild)
    assert.lengthOf(judged("x".repeat(8_000)), 8_000)
    assert.lengthOf(Array.from(judged("\u{1F600}".repeat(8_000))), 8_000)
  })

  it("is refused when it is blank, too long, holds NUL, or would be an option", () => {
    const bad = ["", " \n\t", "x".repeat(8_001), "a\u0000b", "-x", "  --max=1"]
    for (const text of bad) assert.strictEqual(judged(text), "lane.task_invalid", text.slice(0, 10))
  })

  it("may begin with a dash where the command's options have ended before it", () => {
    assert.strictEqual(judged("-x", template(["lane", "--host", "{host}", "--", "{task}"])), "-x")
    assert.strictEqual(judged("-x", template(["lane", "{task}", "--"])), "lane.task_invalid")
  })
})

const text = fc.string({ unit: "binary", maxLength: 40 })
const values: fc.Arbitrary<Values> = fc.record({
  orguser: text,
  repo: text,
  task: text,
  host: text,
  max: text,
  handle: text,
  github: text
})

describe("the argument vector", () => {
  it("equals the template with whole elements put in their place, whatever they hold", () => {
    fc.assert(
      fc.property(values, (given) => {
        const { host, max, orguser, repo, task } = given
        assert.deepStrictEqual(argvOf(contract, given), [
          "dotfiles-dispatch",
          orguser,
          repo,
          task,
          "--host",
          host,
          "--max",
          max
        ])
      })
    )
  })

  it("never fills in what a value itself spells", () => {
    const given = { orguser: "{repo}", repo: "{task}", task: "{host}", host: "h", max: "1", handle: "d", github: "g" }
    assert.deepStrictEqual(argvOf(contract, given).slice(1, 4), ["{repo}", "{task}", "{host}"])
  })

  it("has no options of a caller's: for any accepted unit, only the template's own elements begin with a dash", () => {
    fc.assert(
      fc.property(text, (task) => {
        const routed = routeUnit(
          { config: withLanes({}), specs },
          { allowlist, ...settings },
          { orguser: "web-bot", repo: "storefront", task }
        )
        if (Either.isLeft(routed)) return
        const work = Either.getOrThrow(workOf(routed.right.details))
        const argv = commandOf(work, work.command, { task: taskOf(routed.right), handle: "dsp-0" })
        assert.deepStrictEqual(
          argv.filter((element) => element.startsWith("-")),
          ["--host", "--max"]
        )
        assert.deepStrictEqual(argv, [
          "dotfiles-dispatch",
          "web-bot",
          "storefront",
          task.trim(),
          "--host",
          "localhost",
          "--max",
          "50"
        ])
      })
    )
  })
})

describe("the config of lanes", () => {
  const decode = Schema.decodeUnknownEither(LaneConfig, { onExcessProperty: "error" })
  const refused = (lanes: unknown) => Either.match(decode(lanes), { onLeft: String, onRight: () => "accepted" })

  it("takes fixed vectors with whole placeholders", () => {
    assert.strictEqual(refused({ command: ["lane", "{task}"], status: ["lane-status", "{handle}", "{}"] }), "accepted")
  })

  it("refuses a template that would not be fixed", () => {
    assert.include(refused({ command: ["lane", "--task={task}"] }), "a placeholder is a whole element")
    assert.include(refused({ command: ["lane", "{tusk}"] }), "{tusk}, which is no placeholder")
    assert.include(refused({ command: ["{task}"] }), "must be the program itself")
    assert.include(refused({ command: ["-x"] }), "must be the program itself")
    assert.notStrictEqual(refused({ command: [] }), "accepted")
    assert.include(refused({ cancel: ["x"] }), "needs lanes.status")
    assert.include(refused({ cwd: "here" }), "must be an absolute path")
  })

  it("refuses hosts and ssh settings that would become options", () => {
    for (const host of ["-oProxyCommand=id", "a b", "", "a\nb"]) {
      assert.notStrictEqual(refused({ host }), "accepted", host)
      assert.notStrictEqual(refused({ ssh: { host } }), "accepted", host)
      assert.notStrictEqual(refused({ ssh: { host: "there", user: host } }), "accepted", host)
    }
    assert.notStrictEqual(refused({ ssh: { host: "there", options: { ProxyCommand: "id" } } }), "accepted")
    assert.notStrictEqual(refused({ ssh: { host: "there", options: { BatchMode: "no" } } }), "accepted")
    assert.notStrictEqual(refused({ ssh: { host: "there", options: { StrictHostKeyChecking: "no" } } }), "accepted")
    assert.strictEqual(refused({ ssh: { host: "there", user: "me", port: 22, identityFile: "/k" } }), "accepted")
  })
})

describe("a command for ssh", () => {
  it("is one element that a POSIX shell reads back as the vector, whatever it holds", () => {
    const word = fc.string({ unit: "binary", maxLength: 30 }).map((raw) => raw.replaceAll("\u0000", ""))
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
        const printed = execFileSync("/bin/sh", ["-c", `printf '%s\\0' ${words.map(posixQuote).join(" ")}`])
        assert.deepStrictEqual(printed, Buffer.from(words.map((each) => `${each}\0`).join("")))
      }),
      { numRuns: 60, examples: [[["a'b", "$(id)", "`id`", "\n", "", "!", "\\", '"', "~", "-x", "\u202e"]]] }
    )
  })

  it("never asks a person, ends ssh's own options, and names the host from the config alone", () => {
    const argv = sshArgv({ host: "lanes.example", user: "bot", port: 2222 }, ["lane", "-oProxyCommand=id", "it's"])
    assert.deepStrictEqual(argv, [
      "ssh",
      "-T",
      "-o",
      "BatchMode=yes",
      "-o",
      "ConnectTimeout=15",
      "-l",
      "bot",
      "-p",
      "2222",
      "--",
      "lanes.example",
      `'lane' '-oProxyCommand=id' 'it'\\''s'`
    ])
  })

  it("is what a unit of an ssh lane runs", () => {
    const work = Either.getOrThrow(workOf(unit("do it", { ssh: { host: "far" } }).details))
    const argv = commandOf(work, work.command, { task: "do it", handle: "dsp-1" })
    assert.strictEqual(
      argv[argv.length - 1],
      "'dotfiles-dispatch' 'web-bot' 'storefront' 'do it' '--host' 'localhost' '--max' '50'"
    )
  })
})

describe("a lane's report", () => {
  it("is JSON or a word with its detail", () => {
    const read = (printed: string) => JSON.stringify(reportOf(printed))
    assert.include(read('{"status":"running","detail":"step 1","log":"a\\n"}'), '"log":"a\\n"')
    assert.include(read("Running: step 1\n"), '"status":"running","detail":"step 1"')
    assert.include(read("succeeded"), '"status":"succeeded"')
    for (const other of ["", "fine", "{}", '{"status":"done"}', "runningfast"]) assert.include(read(other), '"None"')
  })
})
