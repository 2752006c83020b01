import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify
} from "node:crypto"
import { readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { AuditUnusable } from "../services/AuditTrail.js"
import { attempt, found, names } from "./AuditFile.js"

/** A key that checkpoints are checked with. */
export interface PublicKey {
  /** SHA-256 of the key's DER form, in hexadecimal. */
  readonly id: string
  readonly pem: string
  /** The signature is in base64. */
  readonly verifies: (text: string, signature: string) => boolean
}

/** A key that checkpoints are signed with. */
export interface SigningKey extends PublicKey {
  readonly sign: (text: string) => string
}

/** The key of a state folder, made at its first use, under the lock; its public half stands beside it. */
export const signingKey = Effect.fn("audit.signingKey")(function* (folder: string) {
  const path = join(folder, names.key)
  const pem = (yield* found(path)) ?? (yield* made(path))
  const key = yield* understood(path, () => createPrivateKey(pem))
  const known = publicOf(createPublicKey(key))
  const beside = join(folder, names.publicKey)
  if ((yield* found(beside)) !== known.pem) yield* placed(beside, known.pem)
  return { ...known, sign: (text: string) => sign(null, Buffer.from(text), key).toString("base64") }
})

export const publicKey = Effect.fn("audit.publicKey")(function* (path: string) {
  const pem = yield* attempt(path, () => readFile(path, "utf8"))
  return publicOf(yield* understood(path, () => createPublicKey(pem)))
})

const made = (path: string) => {
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString()
  return Effect.as(placed(path, pem), pem)
}

/** In its place only when it is whole. */
const placed = (path: string, text: string) =>
  attempt(path, async () => {
    await writeFile(`${path}.new`, text, { mode: 0o600, flush: true })
    await rename(`${path}.new`, path)
  })

const understood = (path: string, read: () => KeyObject) => {
  const problem = new AuditUnusable({ path, problem: "is no Ed25519 key" })
  return Effect.filterOrFail(
    Effect.try({ try: read, catch: () => problem }),
    (key) => key.asymmetricKeyType === "ed25519",
    () => problem
  )
}

const publicOf = (key: KeyObject): PublicKey => ({
  id: createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex"),
  pem: key.export({ type: "spki", format: "pem" }).toString(),
  verifies: (text, signature) => verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"))
})
