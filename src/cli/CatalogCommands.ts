import { Effect } from "effect"
import { Dispatch } from "../dispatch/Dispatch.js"
import { ExitCode } from "./ExitCode.js"
import { Screen } from "./Screen.js"
import { table } from "./Table.js"

const show = Effect.fn("cli.catalog")(function* (items: ReadonlyArray<unknown>, json: boolean, words: () => string) {
  const screen = yield* Screen
  yield* screen.out(json ? `${JSON.stringify(items)}\n` : words())
  return ExitCode.ok
})

const listed = (names: ReadonlyArray<string> | undefined) =>
  names === undefined || names.length === 0 ? "-" : names.join(", ")

export const providers = (json: boolean) =>
  Effect.flatMap(Dispatch, ({ providers: names }) => show(names, json, () => names.map((name) => `${name}\n`).join("")))

export const capabilities = (provider: string | undefined, json: boolean) =>
  Effect.flatMap(Dispatch, (dispatch) => {
    const offers = dispatch.capabilities(provider)
    return show(offers, json, () =>
      table(
        ["ADAPTER", "PROVIDER", "CAPABILITY", "TASK TYPES", "TARGET MODES", "PROTOCOLS", "NEEDS"],
        offers.map((offer) => [
          offer.adapter,
          offer.provider,
          offer.capability,
          listed(offer.taskTypes),
          listed(offer.targetModes),
          listed(offer.protocols),
          listed(offer.configRequirements)
        ])
      )
    )
  })

export const accounts = (json: boolean) =>
  Effect.flatMap(Dispatch, ({ accounts: profiles }) =>
    show(profiles, json, () =>
      table(
        ["NAME", "PROVIDER", "REGION", "CREDENTIALS"],
        profiles.map((account) => [account.name, account.provider, account.region ?? "-", account.credentialSource])
      )
    )
  )
