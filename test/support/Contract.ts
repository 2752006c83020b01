import { readFileSync } from "node:fs"
import { Schema } from "effect"
import { JsonText } from "../../src/domain/Json.js"

const decode = Schema.decodeSync(JsonText)

/** One of the contract's own JSON examples. */
export const contractJson = (name: string) =>
  decode(readFileSync(new URL(`../contracts/json/${name}.json`, import.meta.url), "utf8"))
