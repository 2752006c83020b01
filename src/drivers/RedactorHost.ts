import { Effect, Layer, Redacted } from "effect"
import { hostSecrets } from "../domain/HostSecrets.js"
import { makeRedaction } from "../domain/Redaction.js"
import { Redactor } from "../services/Redactor.js"
import { Settings } from "../services/Settings.js"

/** The URL of a database holds its password, whether it comes from the environment or the config. */
const databaseVariable = "AGENTDISPATCH_DATABASE_URL"

/** Before there are settings: the credentials among the variables, and what looks like a secret. */
export const ofEnvironment = (environment: Readonly<Record<string, string | undefined>>) =>
  makeRedaction({ values: hostSecrets(environment, []), patterns: [] })

/** Knows the credentials among this process's variables as they were at the start. */
export const layer = (environment: Readonly<Record<string, string | undefined>>) =>
  Layer.effect(
    Redactor,
    Effect.map(Settings, ({ config: { redaction = {}, store } }) => {
      const { patterns = [], variables = [] } = redaction
      const url = store?.url === undefined ? "" : Redacted.value(store.url)
      const values = hostSecrets(/:[^/]*@/.test(url) ? { ...environment, [databaseVariable]: url } : environment, [
        ...variables,
        databaseVariable
      ])
      return { ...makeRedaction({ values, patterns }), rules: redaction }
    })
  )
