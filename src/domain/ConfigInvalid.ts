import { Schema } from "effect"

export const ConfigIssue = Schema.Struct({ path: Schema.String, message: Schema.String })
export type ConfigIssue = typeof ConfigIssue.Type

/** A config that cannot be used, with one line for each thing to mend. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  source: Schema.String,
  issues: Schema.Array(ConfigIssue)
}) {
  readonly code = "config.invalid"
  override get message() {
    return [
      `${this.source} cannot be used:`,
      ...this.issues.map((issue) => `  ${issue.path === "" ? "" : `${issue.path}: `}${issue.message}`)
    ].join("\n")
  }
}
