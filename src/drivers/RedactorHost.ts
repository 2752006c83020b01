import { Effect, Layer } from "effect"
import { hostSecrets } from "../domain/HostSecrets.js"
import { makeRedaction } from "../domain/Redaction.js"
import { Redactor } from "../services/Redactor.js"
import { Settings } from "../services/Settings.js"

/** Before there are settings: the credentials among the variables, and what looks like a secret. */
export const ofEnvironment = (environment: Readonly<Record<string, string | undefined>>) =>
  makeRedaction({ values: hostSecrets(environment, []), patterns: [] })

/** Knows the credentials among this process's variables as they were at the start. */
export const layer = (environment: Readonly<Record<string, string | undefined>>) =>
  Layer.effect(
    Redactor,
    Effect.map(Settings, ({ config: { redaction = {} } }) => {
      const { patterns = [], variables = [] } = redaction
      return { ...makeRedaction({ values: hostSecrets(environment, variables), patterns }), rules: redaction }
    })
  )
