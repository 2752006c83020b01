import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { parse } from "../codegen/Manifest.js"
import { withEntry } from "../codegen/Scaffold.js"

const entry = (changes: string, removed: ReadonlyArray<string> = []) => {
  const lines = [
    "title: Acme",
    "provider: acme",
    "capability: agent-runtime",
    "taskTypes: [agent.run]",
    "targetModes: [session]",
    "start: once",
    "transport: http",
    "maxConcurrent: 1"
  ].filter((line) => !removed.some((key) => line.startsWith(`${key}:`)))
  return `adapters:\n  acme:\n${[...lines, ...changes.split("\n")].map((line) => `    ${line}`).join("\n")}\n`
}

const detail = (field: string) => entry(`details: { fields: { region: ${field} } }`)
const failure = (fields: string) => entry(`errors: { broken: { retryable: true, delivery: none, ${fields} } }`)

describe("a wrong manifest", () => {
  const mistakes: ReadonlyArray<readonly [what: string, yaml: string, ...problems: ReadonlyArray<string>]> = [
    ["is empty", "", "the file: expected a map, got null"],
    [
      "is no YAML",
      "adapters: {\n",
      "Flow map in block collection must be sufficiently indented and end with a } at line 2, column 1"
    ],
    ["names an adapter twice", "adapters:\n  a: {}\n  a: {}\n", "Map keys must be unique at line 3, column 3"],
    [
      "refers to nothing",
      "adapters: *x\n",
      "ReferenceError: Unresolved alias (the anchor must be set before the alias): x"
    ],
    [
      "misspells its top key",
      "adaptors: {}\n",
      'adaptors: is not a known key. Did you mean "adapters"? Known: adapters',
      "adapters: is missing"
    ],
    [
      "gives an adapter an unusable name",
      "adapters: { Acme: {}, __proto__: {} }\n",
      "adapters.Acme: is not a valid name: expected lower-case words joined by '-', such as acme-cloud",
      "adapters.__proto__: is not a valid name: expected lower-case words joined by '-', such as acme-cloud"
    ],
    [
      "has a task type that does not exist",
      entry("taskTypes: [agent.run, agent.walk]", ["taskTypes"]),
      'adapters.acme.taskTypes[1]: expected "agent.run" | "command.run", got "agent.walk"'
    ],
    [
      "repeats a task type",
      entry("taskTypes: [agent.run, agent.run]", ["taskTypes"]),
      'adapters.acme.taskTypes[1]: repeats "agent.run"'
    ],
    [
      "gives text for a list",
      entry("targetModes: session", ["targetModes"]),
      'adapters.acme.targetModes: expected a list, got "session"'
    ],
    [
      "misspells a key",
      entry("provder: acme", ["provider"]),
      'adapters.acme.provder: is not a known key. Did you mean "provider"? Known: title, provider, capability, taskTypes, targetModes, protocols, start, transport, placement, maxConcurrent, built, account, details, needs, errors',
      "adapters.acme.provider: is missing"
    ],
    [
      "lets no task run",
      entry("maxConcurrent: 0", ["maxConcurrent"]),
      "adapters.acme.maxConcurrent: expected a positive number, got 0"
    ],
    [
      "has several mistakes at once",
      entry("start: onse\nbuilt: maybe", ["start"]),
      'adapters.acme.start: expected "idempotent" | "probe" | "once", got "onse"',
      'adapters.acme.built: expected boolean, got "maybe"'
    ],
    [
      "has a field of an unknown type",
      detail("{ type: strng, description: d }"),
      'adapters.acme.details.fields.region.type: expected "string" | "int" | "number" | "boolean" | "string[]" | "record" | "enum" | "json", got "strng"'
    ],
    [
      "gives a field a key of another type",
      detail("{ type: string, description: d, min: 1 }"),
      "adapters.acme.details.fields.region.min: is not a known key. Known: type, description, required, caller, default, pattern"
    ],
    [
      "leaves a field undescribed",
      detail("{ type: json }"),
      "adapters.acme.details.fields.region.description: is missing"
    ],
    [
      "gives a default of another type",
      detail('{ type: int, description: d, default: "5" }'),
      'adapters.acme.details.fields.region.default: expected an integer, got "5"'
    ],
    [
      "gives a default out of bounds",
      detail("{ type: int, description: d, default: 5, max: 4 }"),
      "adapters.acme.details.fields.region.default: is above max, 4"
    ],
    [
      "has bounds nothing meets",
      detail("{ type: number, description: d, min: 2, max: 1 }"),
      "adapters.acme.details.fields.region.min: is above max, 1"
    ],
    [
      "has a default that is no choice",
      detail("{ type: enum, description: d, values: [a, b], default: c }"),
      'adapters.acme.details.fields.region.default: expected one of a, b, got "c"'
    ],
    [
      "has a broken pattern",
      detail('{ type: string, description: d, pattern: "(" }'),
      "adapters.acme.details.fields.region.pattern: is not a regular expression"
    ],
    [
      "requires what has a default",
      detail("{ type: string, description: d, required: true, default: x }"),
      "adapters.acme.details.fields.region.required: a field with a default is never missing; remove one of the two"
    ],
    [
      "lets a call choose the account",
      entry("account: { fields: { profile: { type: string, description: d, caller: true } } }"),
      "adapters.acme.account.fields.profile.caller: an account comes from the config alone"
    ],
    [
      "asks for a detail that does not exist",
      `${detail("{ type: string, description: d, caller: true }")}    needs: [{ id: regoin, question: q }]\n`,
      'adapters.acme.needs[0].id: names no detail. Did you mean "region"? Known: region'
    ],
    [
      "asks for a detail no call can give, in a mode that is not offered",
      `${detail("{ type: string, description: d }")}    needs: [{ id: region, question: q, modes: [runtime] }]\n`,
      "adapters.acme.needs[0].id: the answer comes with a call, so details.fields.region needs caller: true",
      'adapters.acme.needs[0].modes[0]: the adapter does not offer "runtime"; it offers session'
    ],
    [
      "has a hole in a message that no field fills",
      failure('message: "{regoin} is down", fields: { region: string }'),
      'adapters.acme.errors.broken.message: {regoin} names no field. Did you mean "region"? Known: region'
    ],
    [
      "gives an error a field every error has",
      failure("message: m, fields: { code: string }"),
      "adapters.acme.errors.broken.fields.code: every error has its own; choose another name"
    ],
    [
      "gives two errors one code",
      entry(
        "errors:\n  a: { retryable: true, delivery: none, message: m }\n  b: { code: acme.a, retryable: true, delivery: none, message: m }"
      ),
      'adapters.acme.errors.b.code: another error has the code "acme.a"'
    ]
  ]

  for (const [what, yaml, ...problems] of mistakes) {
    it(`that ${what} is told so`, () => {
      assert.deepStrictEqual(
        Either.match(parse(yaml), { onLeft: (invalid) => invalid.problems, onRight: () => [] }),
        problems
      )
    })
  }

  it("differs from a right one by its mistake alone", () => {
    assert.isTrue(Either.isRight(parse(entry("protocols: [http]"))))
  })
})

describe("a new entry", () => {
  const manifest = parse("adapters: {}\n")
  const added = (name: string) =>
    Either.flatMap(manifest, (known) => withEntry("# kept\nadapters: {} # kept too\n", known, name))

  it("goes into an empty manifest, comments kept", () => {
    const yaml = Either.getOrThrow(added("acme"))
    assert.match(yaml, /^# kept\nadapters:.*\n/)
    assert.include(yaml, "# kept too")
    assert.deepStrictEqual(Object.keys(Either.getOrThrow(parse(yaml)).adapters), ["acme"])
  })

  it("is refused under a name that is taken or unusable", () => {
    const refusal = (result: Either.Either<string, Error>) =>
      Either.match(result, { onLeft: ({ message }) => message, onRight: () => "" })
    const yaml = Either.getOrThrow(added("acme"))
    assert.include(refusal(withEntry(yaml, Either.getOrThrow(parse(yaml)), "acme")), "already has it")
    for (const name of ["Acme", "../acme", "acme cloud", "acme-", ""])
      assert.include(refusal(added(name)), "such as acme-cloud")
  })
})
