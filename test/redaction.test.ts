import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { hostSecrets } from "../src/domain/HostSecrets.js"
import { heldAfter, makeRedaction } from "../src/domain/Redaction.js"
import { secretShapes } from "../src/domain/SecretShapes.js"
import { matching, sample, seeded } from "./secrets/Sample.js"

const value = "k7Q/z+9x!Vb2 tR"
const values = [{ name: "DEPLOY_TOKEN", value }]
const redaction = makeRedaction({ values, patterns: ["acct-[0-9]{6}"] })

const base64 = (text: string) => Buffer.from(text).toString("base64")

const keyOf = (seed: number, kind = "RSA PRIVATE KEY") => {
  const random = seeded(seed)
  const body = Array.from({ length: 12 }, () => sample("[A-Za-z0-9+/]{64}", random))
  return { body, text: [`-----BEGIN ${kind}-----`, ...body, `-----END ${kind}-----`].join("\n") }
}

/** Texts as programs print them, with secrets of every shape among them. */
const piece = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom("\n", "\\n", " ", "\r\n", '"', ": ", "=", "password=", "token: ", "Bearer ", "\\", "%20"),
  fc.constantFrom(value, base64(value), encodeURIComponent(value), JSON.stringify(value), "acct-123456"),
  fc
    .record({ shape: fc.nat(secretShapes.length - 1), seed: fc.nat() })
    .map(({ seed, shape }) => matching(secretShapes[shape]?.pattern ?? "", seeded(seed))),
  fc.nat().map((seed) => `\n${keyOf(seed).text}\n`),
  fc.nat().map((seed) => sample("[A-Za-z0-9+/=]{3000}", seeded(seed))),
  fc.nat().map((seed) => sample("ey[A-Za-z0-9]{20}\\.ey[\\w-]{40}\\.", seeded(seed)) + "x1".repeat(4000)),
  fc.constantFrom("word ".repeat(1500), "-----BEGIN RSA PRIVATE KEY-----\n", "-----END RSA PRIVATE KEY-----\n")
)
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""))

const cutAt = (whole: string, cuts: ReadonlyArray<number>): ReadonlyArray<string> => {
  const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].sort((a, b) => a - b)
  return places.slice(1).map((to, index) => whole.slice(places[index], to))
}

describe("Redaction", () => {
  it("gives out the same text wherever its chunks are cut", () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 20 }), (whole, cuts) => {
        const stream = redaction.stream()
        const out = cutAt(whole, cuts).map((chunk) => stream.push(chunk))
        assert.strictEqual([...out, stream.end()].join(""), redaction.text(whole))
      }),
      { numRuns: 600 }
    )
  })

  it("gives out the same text one character at a time, and never holds back more than a window", () => {
    fc.assert(
      fc.property(text, (whole) => {
        const stream = redaction.stream()
        let out = ""
        for (const char of whole.split("")) {
          out += stream.push(char)
          assert.isAtMost(stream.held().text.length, 4096)
        }
        assert.strictEqual(out + stream.end(), redaction.text(whole))
      }),
      { numRuns: 8 }
    )
  })

  it("holds nothing back of a text that ends with its line", () => {
    fc.assert(
      fc.property(text, (whole) => {
        const stream = redaction.stream()
        stream.push(`${whole}\n`)
        assert.strictEqual(stream.held().text, "")
      })
    )
  })

  it("finds nothing more in what it has given out", () => {
    fc.assert(
      fc.property(text, (whole) => {
        const once = redaction.text(whole)
        for (const secret of [value, base64(value), encodeURIComponent(value)]) assert.notInclude(once, secret)
        assert.notMatch(once, /acct-\d{6}/)
      })
    )
  })

  it("hides a known value in every spelling, also within longer base64", () => {
    const spelled = [
      value,
      JSON.stringify(value),
      encodeURIComponent(value),
      encodeURIComponent(value).replaceAll("%20", "+")
    ]
    for (const spelling of spelled)
      assert.strictEqual(redaction.text(`<${spelling.replaceAll('"', "")}>`), "<[redacted: DEPLOY_TOKEN]>")
    for (const before of ["", "u", "us", "use"]) {
      const told = redaction.text(base64(`${before}${value}, then go`))
      assert.include(told, "[redacted: DEPLOY_TOKEN]")
      for (let at = 0; at < told.length; at++) {
        assert.notInclude(Buffer.from(told.slice(at), "base64").toString("latin1"), value.slice(0, 8))
      }
    }
    assert.include(redaction.text(Buffer.from(`\u00ff${value}`).toString("base64url")), "[redacted: DEPLOY_TOKEN]")
  })

  it("hides all of a value that is longer than what is looked at in one go", () => {
    const long = sample("[A-Za-z0-9]{6000}", seeded(1))
    const hidden = makeRedaction({ values: [{ name: "LONG_KEY", value: long }], patterns: [] })
    assert.notMatch(hidden.text(`before ${long} after`), /[A-Za-z0-9]{30}/)
    assert.match(hidden.text(`before ${long} after`), /^before .* after$/)
  })

  it("hides a private key over many lines, in quotes, in JSON, in a log of another program", () => {
    const { body, text: key } = keyOf(7)
    const written = [
      key,
      key.replaceAll("\n", "\r\n"),
      key.replaceAll(/^/gm, "    "),
      JSON.stringify({ key }),
      JSON.stringify(JSON.stringify({ key })),
      key
        .split("\n")
        .map((line) => `"${line}\\n" +`)
        .join("\n"),
      key
        .split("\n")
        .map((line) => `2026-11-21 12:00:00 INFO ${line}`)
        .join("\n"),
      key.replaceAll("\n", " ")
    ]
    for (const one of written) {
      const told = redaction.text(`before\n${one}\nafter it\n`)
      for (const line of body) assert.notInclude(told, line)
      assert.match(told, /^before\n[^]*\nafter it\n$/)
      assert.include(told, "[redacted: private key]")
    }
  })

  it("replaces an unfinished private key at once, and goes on within it from what the log ends with", () => {
    const { body, text: key } = keyOf(8)
    const first = redaction.stream()
    const cut = key.indexOf(body[5] ?? "")
    const told = first.push(key.slice(0, cut))
    assert.strictEqual(told, "[redacted: private key]\n")
    const second = redaction.stream(heldAfter(told))
    const rest = second.push(`${key.slice(cut)}\ndone\n`)
    assert.strictEqual(rest, "[redacted: end of private key]\ndone\n")
    assert.deepStrictEqual(heldAfter(rest), heldAfter(""))
  })

  it("swallows no log behind a key that never ends", () => {
    assert.strictEqual(
      redaction.text("-----BEGIN RSA PRIVATE KEY-----\nopened the file, all is well\nnext line\n"),
      "[redacted: private key]\nopened the file, all is well\nnext line\n"
    )
  })

  it("leaves JSON what it is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), text, fc.constantFrom("note", "password", "api_key"), (json, said, key) => {
        const line = JSON.stringify({ type: "task.progress", json, [key]: said, number: 12_345_678 })
        JSON.parse(
          makeRedaction({ values: [...values, { name: "PIN_SECRET", value: "12345678" }], patterns: [] }).text(line)
        )
      })
    )
  })

  it("redacts the strings and keys of a value, and what only its member's name gives away", () => {
    assert.deepStrictEqual(
      redaction.json({ [value]: [value, 1, null], password: "hunter2-forever", next_token: "page-2", note: "fine" }),
      {
        "[redacted: DEPLOY_TOKEN]": ["[redacted: DEPLOY_TOKEN]", 1, null],
        password: "[redacted: password]",
        next_token: "page-2",
        note: "fine"
      }
    )
  })

  it("touches only known values where an id must stay what it is", () => {
    const id = sample("sk-[a-z0-9]{40}", seeded(3))
    assert.deepStrictEqual(redaction.known({ id, ref: `x ${value}` }), { id, ref: "x [redacted: DEPLOY_TOKEN]" })
  })

  it("takes a process's credentials by the names and the looks of its variables", () => {
    const hook = sample("https://hooks\\.slack\\.com/services/T[A-Z0-9]{8}/B[A-Z0-9]{8}/[A-Za-z0-9]{24}", seeded(4))
    const found = hostSecrets(
      {
        PATH: "/usr/local/bin:/usr/bin:/bin",
        HOME: "/home/somebody",
        GITHUB_TOKEN: "0123456789",
        PGPASSWORD: "correct horse",
        STRIPE_KEY: "abcdefghij",
        NOTIFY_AT: hook,
        DATABASE_URL: "postgres://app:s3cr3tpass@db/app",
        GOOGLE_APPLICATION_CREDENTIALS: "/home/somebody/key.json",
        SHORT_TOKEN: "1234567",
        SOME_PASSWORD: "changeme",
        PLAIN: "told by the config"
      },
      ["PLAIN"]
    )
    assert.deepStrictEqual(
      found.map(({ name, value: secret }) => [name, secret]),
      [
        ["GITHUB_TOKEN", "0123456789"],
        ["PGPASSWORD", "correct horse"],
        ["STRIPE_KEY", "abcdefghij"],
        ["NOTIFY_AT", hook],
        ["DATABASE_URL", "postgres://app:s3cr3tpass@db/app"],
        ["DATABASE_URL", "s3cr3tpass"],
        ["PLAIN", "told by the config"]
      ]
    )
  })
})
