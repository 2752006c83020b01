import { Schema } from "effect"

const maybe = <A, I>(value: Schema.Schema<A, I>) => Schema.optionalWith(value, { exact: true })

const says = (problem: string, holds: (text: string) => boolean) =>
  Schema.String.pipe(Schema.filter((text) => holds(text) || problem))

/** Begins with no `-` and holds nothing that would end it. */
const Word = says("must be one word that does not begin with '-'", (text) => /^[^-\s\p{Cc}][^\s\p{Cc}]*$/u.test(text))
const Path = says("must be an absolute path", (text) => /^\/[^\p{Cc}]*$/u.test(text))
const Value = says("must be one line", (text) => /^[^\p{Cc}]+$/u.test(text))

const Options = Schema.Struct({
  AddressFamily: maybe(Value),
  BindAddress: maybe(Word),
  Ciphers: maybe(Value),
  Compression: maybe(Value),
  ConnectionAttempts: maybe(Value),
  ConnectTimeout: maybe(Value),
  HostKeyAlgorithms: maybe(Value),
  IdentitiesOnly: maybe(Value),
  KexAlgorithms: maybe(Value),
  MACs: maybe(Value),
  ProxyJump: maybe(Word),
  ServerAliveCountMax: maybe(Value),
  ServerAliveInterval: maybe(Value),
  /** A host key that nobody vouches for is never taken as a changed one. */
  StrictHostKeyChecking: maybe(Schema.Literal("yes", "accept-new"))
})

/** A machine that a lane's commands run on, reached as OpenSSH's own config says where this is silent. */
export const Ssh = Schema.Struct({
  host: Word,
  user: maybe(Word),
  port: maybe(Schema.Int.pipe(Schema.between(1, 65_535))),
  identityFile: maybe(Path),
  knownHosts: maybe(Path),
  configFile: maybe(Path),
  options: maybe(Options)
})
export type Ssh = typeof Ssh.Type

/** How long a connection may take to come about if nothing else is said, in seconds. */
const connectTimeout = 15

/** A text as one word of a POSIX shell, whatever it holds. */
export const posixQuote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** ssh joins what it is given with blanks for the far side's shell, so the command goes as one element of quoted words. */
export const sshArgv = (ssh: Ssh, command: ReadonlyArray<string>): readonly [string, ...ReadonlyArray<string>] => {
  const { options = {} } = ssh
  const set = (name: string, value: string | undefined) => (value === undefined ? [] : ["-o", `${name}=${value}`])
  return [
    "ssh",
    "-T",
    ...(ssh.configFile === undefined ? [] : ["-F", ssh.configFile]),
    ...set("BatchMode", "yes"),
    ...set("ConnectTimeout", options.ConnectTimeout ?? String(connectTimeout)),
    ...set("UserKnownHostsFile", quotedPath(ssh.knownHosts)),
    ...Object.entries(options).flatMap(([name, value]) => (name === "ConnectTimeout" ? [] : set(name, value))),
    ...(ssh.identityFile === undefined ? [] : ["-i", ssh.identityFile]),
    ...(ssh.user === undefined ? [] : ["-l", ssh.user]),
    ...(ssh.port === undefined ? [] : ["-p", String(ssh.port)]),
    "--",
    ssh.host,
    command.map(posixQuote).join(" ")
  ]
}

/** The one path among ssh's options that may be a list; quotes make it one. */
const quotedPath = (path: string | undefined) => (path === undefined ? undefined : `"${path}"`)
