/** Last words of a key that holds a credential, after the key is split into words. */
const secretEndings = [
  "access key id",
  "secret access key",
  "secret key",
  "session token",
  "api key",
  "client secret",
  "private key",
  "password",
  "passwd",
  "passphrase",
  "token",
  "secret",
  "credential",
  "credentials",
  "connection string"
]

const joinedEndings = new Set(secretEndings.map((ending) => ending.replaceAll(" ", "")))

/** `aws_secret_access_key`, `AWSSecretAccessKey` and `aws-secret-access-key` are the same four words. */
const words = (key: string): ReadonlyArray<string> =>
  key
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "")

/** Tokens of these kinds are positions or vocabulary, not secrets. */
export const harmlessTokens = new Set([
  "next",
  "page",
  "continuation",
  "stop",
  "start",
  "end",
  "pad",
  "eos",
  "bos",
  "cursor",
  "sync"
])

/** Whether a member of this name holds a credential, in any spelling of its words. */
export const namesCredential = (key: string): boolean => {
  const spelled = words(key)
  const last = spelled[spelled.length - 1]
  if (last === "token" && harmlessTokens.has(spelled[spelled.length - 2] ?? "")) return false
  return spelled.some((_, index) => joinedEndings.has(spelled.slice(index).join("")))
}
