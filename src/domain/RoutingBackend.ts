import { Either } from "effect"
import type { AdapterSpec } from "./AdapterSpec.js"
import type { Account, Backend, Config } from "./Config.js"
import type { SecretIn } from "./Credentials.js"
import { AccountProviderMismatch, AdapterNotFound, BackendNotFound } from "./DispatchError.js"

/** What routing decides by: the config, the built-in kinds of backend, and the variables that may answer needs. */
export interface World {
  readonly config: Config
  readonly specs: ReadonlyArray<AdapterSpec>
  readonly environment: Readonly<Record<string, string>>
  /** Knows this machine's own values besides the usual shapes. */
  readonly secretIn?: SecretIn
}

export const findSpec = (
  specs: ReadonlyArray<AdapterSpec>,
  name: string
): Either.Either<AdapterSpec, AdapterNotFound> => {
  const spec = specs.find((candidate) => candidate.name === name)
  return spec === undefined
    ? Either.left(new AdapterNotFound({ name, known: specs.map((known) => known.name) }))
    : Either.right(spec)
}

interface BackendChoice {
  readonly accountName: string
  readonly account: Account
  /** Names to take if they belong to the account, best first. */
  readonly preferred: ReadonlyArray<string | undefined>
  /** A name that must exist: a backend's, or an adapter's. */
  readonly wanted?: string
}

/** A configured backend of the account, or, where none is, the adapter of its provider with nothing configured. */
export const chooseBackend = (
  world: World,
  choice: BackendChoice
): Either.Either<{ readonly name: string; readonly backend: Backend }, BackendNotFound> => {
  const { backends } = world.config
  const own = Object.entries(backends).filter(([, backend]) => backend.account === choice.accountName)
  const found = (entry: readonly [string, Backend] | undefined) =>
    entry === undefined ? undefined : Either.right({ name: entry[0], backend: entry[1] })
  const implicit = world.specs.find((spec) => spec.provider === choice.account.provider)
  const bare =
    implicit === undefined
      ? undefined
      : Either.right({ name: implicit.name, backend: { adapter: implicit.name, account: choice.accountName } })
  const missing = (name: string) => Either.left(new BackendNotFound({ name, known: own.map(([known]) => known) }))
  const { wanted } = choice
  if (wanted !== undefined) {
    return (
      found(own.find(([name]) => name === wanted)) ??
      found(own.find(([, backend]) => backend.adapter === wanted)) ??
      (implicit?.name === wanted ? bare : undefined) ??
      missing(wanted)
    )
  }
  for (const name of choice.preferred) {
    const preferred = found(own.find(([candidate]) => candidate === name))
    if (preferred !== undefined) return preferred
  }
  return found(own[0]) ?? bare ?? missing(choice.account.provider)
}

export const sameProvider = (name: string, account: Account, provider: string) =>
  account.provider === provider
    ? Either.void
    : Either.left(new AccountProviderMismatch({ account: name, accountProvider: account.provider, provider }))

/** The one account there is, of a provider if one is named. */
export const onlyAccount = (config: Config, provider: string | undefined): string | undefined => {
  const names = Object.keys(config.accounts).filter(
    (name) => provider === undefined || config.accounts[name]?.provider === provider
  )
  return names.length === 1 ? names[0] : undefined
}
