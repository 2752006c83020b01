import { createHash } from "node:crypto"
import { open } from "node:fs/promises"

/** SHA-256 of a file in hex, read in pieces. */
export const hashOfFile = async (path: string): Promise<string> => {
  const file = await open(path, "r")
  const sum = createHash("sha256")
  for await (const piece of file.createReadStream()) sum.update(piece)
  return sum.digest("hex")
}
