import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { makeRedaction } from "../src/domain/Redaction.js"
import { secretIn } from "../src/domain/SecretScan.js"
import { looksRandom, secretShapes } from "../src/domain/SecretShapes.js"
import { falsePositivesIn, recallOf } from "./secrets/Measure.js"
import { matching, sample, seeded } from "./secrets/Sample.js"

const redaction = makeRedaction({ values: [], patterns: [] })
const gitleaks = process.env["AGENTDISPATCH_GITLEAKS_TOML"]

const told = (figures: object) => process.stderr.write(`${JSON.stringify(figures)}\n`)

/** What programs print around a secret. */
const places: ReadonlyArray<(secret: string) => string> = [
  (secret) => secret,
  (secret) => `KEY=${secret}\n`,
  (secret) => `  key: "${secret}",`,
  (secret) => JSON.stringify({ note: `first\n${secret}\tthen` }),
  (secret) => `https://host/path?key=${secret}&more=1`,
  (secret) => `q=a%20${secret}`,
  (secret) => `\u001b[32m${secret}\u001b[0m`,
  (secret) => `<${secret}>`,
  (secret) => `${"word ".repeat(2000)}${secret} ${"word ".repeat(2000)}`
]

/** Made by hand from what the vendors publish, so that a shape is not tested by itself alone. */
const written: ReadonlyArray<readonly [name: string, made: string]> = [
  ["aws access key id", "AKIA[A-Z2-7]{16}"],
  ["github token", "ghs_[A-Za-z0-9]{36}"],
  ["github fine-grained token", "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"],
  ["gitlab token", "glpat-[A-Za-z0-9_]{20}"],
  ["slack token", "xoxb-[0-9]{12}-[0-9]{12}-[A-Za-z0-9]{24}"],
  ["slack webhook", "hooks\\.slack\\.com/services/T[A-Z0-9]{8}/B[A-Z0-9]{10}/[A-Za-z0-9]{24}"],
  ["stripe key", "sk_live_[A-Za-z0-9]{24}"],
  ["openai or anthropic key", "sk-ant-api03-[A-Za-z0-9_-]{93}AA"],
  ["google api key", "AIza[A-Za-z0-9_-]{35}"],
  ["npm token", "npm_[A-Za-z0-9]{36}"],
  ["pypi token", "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{80}"],
  ["hugging face token", "hf_[A-Za-z]{34}"],
  ["azure storage key", "AccountKey=[A-Za-z0-9+/]{86}=="],
  ["azure shared access signature", "sig=[A-Za-z0-9]{40}%2B[a-z]{2}%3D"],
  ["sendgrid key", "SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}"],
  ["telegram bot token", "[0-9]{10}:AA[A-Za-z0-9_-]{33}"],
  ["json web token", "eyJhbGciOiJIUzI1NiJ9\\.eyJ[A-Za-z0-9]{40}\\.[A-Za-z0-9_-]{43}"],
  ["age secret key", "AGE-SECRET-KEY-1[A-Z0-9]{58}"],
  ["vault token", "hvs\\.[A-Za-z0-9]{90}"],
  ["terraform token", "[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9]{67}"]
]

const contexts: ReadonlyArray<readonly [name: string, text: string, secret: string]> = [
  [
    "secret",
    `aws_secret_access_key = ${sample("[A-Za-z0-9/+]{39}1", seeded(1))}`,
    sample("[A-Za-z0-9/+]{39}1", seeded(1))
  ],
  ["url password", "postgres://app:correct-horse@db/app", "correct-horse"],
  ["authorization", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="],
  ["authorization", `-H 'X-Api-Key: ${sample("[a-z0-9]{24}", seeded(3))}'`, sample("[a-z0-9]{24}", seeded(3))],
  ["password", '{"password":"tr0ub4dor&3"}', "tr0ub4dor"],
  ["curl password", "curl https://host -u somebody:tr0ub4dor", "tr0ub4dor"],
  ["docker auth", '{"auths":{"r.io":{"auth":"dXNlcjpwYXNzd29yZDEyMw=="}}}', "dXNlcjpwYXNzd29yZDEyMw=="],
  ["key of a service", `datadog key: ${sample("[a-f0-9]{31}7", seeded(2))}`, sample("[a-f0-9]{31}7", seeded(2))]
]

const harmless = [
  "AGENTDISPATCH_START_TOKEN=g7j04kb8xmrnm1btbfq4zrd3yx",
  "task_01h2xcejqtf2nbrexx3vqjhp41 is running",
  "commit 5f701006870bda5d5f701006870bda5d5f701006",
  "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
  "https://user@host/path and http://localhost:8080/a:b@c",
  "const token = request.headers.get(name)",
  "password: z.string().min(8)",
  "Set API_KEY=${secret:deploy} and password=$PASSWORD",
  "token: next-page-2024-v2",
  "the secret is kept in user-profile-2024-v2",
  "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/my-runtime-AbCdEf1234",
  "base64 of a picture: iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
  "disk-0123456789abcdef0123456789abcdef"
]

describe("Secret shapes", () => {
  it("are recognised wherever a program prints them", () => {
    for (const [index, { name, pattern }] of secretShapes.entries()) {
      const random = seeded(index)
      for (const place of places) {
        const secret = matching(pattern, random)
        assert.notInclude(redaction.text(place(secret)), secret, `${name} in ${place("…").slice(0, 60)}`)
        assert.isDefined(secretIn(place(secret)), name)
      }
    }
  })

  for (const [name, made] of written) {
    it(`know a ${name}`, () => {
      const secret = sample(made, seeded(made.length))
      assert.strictEqual(redaction.text(`(${secret})`), `([redacted: ${name}])`)
    })
  }

  for (const [name, text, secret] of contexts) {
    it(`know ${name} by what stands before it`, () => {
      assert.include(redaction.text(text), `[redacted: ${name}]`)
      assert.notInclude(redaction.text(text), secret)
    })
  }

  for (const text of harmless) {
    it(`leave alone: ${text}`, () => {
      assert.strictEqual(redaction.text(text), text)
      assert.isUndefined(secretIn(text))
    })
  }

  it("tell random texts from words", () => {
    for (const text of ["GetResourceOauth2TokenCommand", "src/domain/Task1.ts", "1.2.3-beta.4"]) {
      assert.isFalse(looksRandom(text), text)
    }
    const random = seeded(5)
    const samples = Array.from({ length: 500 }, () => sample("[a-z0-9]{24}", random))
    assert.isAbove(samples.filter(looksRandom).length, 480)
  })

  it("are seldom found where there are none", () => {
    const { findings, megabytes, millis, where } = falsePositivesIn([
      "src",
      "adapters",
      "codegen",
      "node_modules/effect/src"
    ])
    told({ megabytes, findings, perMegabyte: findings / megabytes, millisPerMegabyte: millis / megabytes })
    assert.isBelow(findings / megabytes, 1, where.join("\n"))
  })

  it.skipIf(gitleaks === undefined)("are those of gitleaks", () => {
    const recall = recallOf(readFileSync(gitleaks ?? "", "utf8"))
    told(recall)
    assert.isAbove(recall.recognised / recall.samples, 0.93)
    assert.isBelow(recall.missed.length / recall.rules, 0.08)
  })

  it("cost about a second for ten megabytes of log", () => {
    const line = (index: number) =>
      `2026-11-21T12:00:00.000Z INFO [worker-${index % 7}] compiled src/domain/Module${index}.ts in ${index % 997} ms, GET /api/v1/users/${index}?page=2 -> 200\n`
    let text = ""
    for (let index = 0; text.length < 10_000_000; index++) text += line(index)
    const values = Array.from({ length: 20 }, (_, index) => ({
      name: `KEY_${index}`,
      value: `v4lue/of+${index * 7919}`
    }))
    const began = performance.now()
    assert.strictEqual(makeRedaction({ values, patterns: [] }).text(text), text)
    const millis = performance.now() - began
    told({ megabytes: 10, millis })
    assert.isBelow(millis, 5_000)
  })
})
