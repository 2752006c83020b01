import { Schema } from "effect"

const listed = (names: ReadonlyArray<string>) => (names.length === 0 ? "none" : names.join(", "))

/** No entry of the allowlist, or one that is no target. */
export class LaneUnknown extends Schema.TaggedError<LaneUnknown>()("LaneUnknown", {
  repo: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  readonly code = "lane.unknown_repo"
  override get message() {
    return `No repository "${this.repo}" in the allowlist. Lanes here: ${listed(this.known)}. Whoever keeps repos.json can add it.`
  }
}

export class LaneWrongOwner extends Schema.TaggedError<LaneWrongOwner>()("LaneWrongOwner", {
  orguser: Schema.String,
  repo: Schema.String,
  owner: Schema.String
}) {
  readonly code = "lane.wrong_owner"
  override get message() {
    return `"${this.orguser}" does not own repository "${this.repo}"; that lane belongs to "${this.owner}".`
  }
}

export class LaneTaskInvalid extends Schema.TaggedError<LaneTaskInvalid>()("LaneTaskInvalid", {
  problem: Schema.String
}) {
  readonly code = "lane.task_invalid"
  override get message() {
    return `task_description: ${this.problem}`
  }
}

export class LaneHandleUnknown extends Schema.TaggedError<LaneHandleUnknown>()("LaneHandleUnknown", {
  handle: Schema.String
}) {
  readonly code = "lane.handle_unknown"
  override get message() {
    return `No dispatch "${this.handle}" in this state folder. dispatch_list shows the dispatches that are.`
  }
}

/** The allowlist cannot be used as it is; no older one is used in its place. */
export class AllowlistInvalid extends Schema.TaggedError<AllowlistInvalid>()("AllowlistInvalid", {
  source: Schema.String,
  problem: Schema.String,
  line: Schema.optional(Schema.Int),
  column: Schema.optional(Schema.Int)
}) {
  readonly code = "lane.allowlist_invalid"
  override get message() {
    const place = this.line === undefined ? "" : `line ${this.line}, column ${this.column ?? 1}: `
    return `${this.source} cannot be used: ${place}${this.problem}. Nothing is dispatched to a lane until it is mended; it is read again at each call.`
  }
}

/** A setting of the server's that a lane cannot run with. */
export class LaneSettingInvalid extends Schema.TaggedError<LaneSettingInvalid>()("LaneSettingInvalid", {
  setting: Schema.String,
  problem: Schema.String
}) {
  readonly code = "lane.setting_invalid"
  override get message() {
    return `${this.setting} ${this.problem}. Whoever keeps this server can change it.`
  }
}

/** Everything that can be wrong with a unit before it is a task. */
export type LaneError =
  | LaneUnknown
  | LaneWrongOwner
  | LaneTaskInvalid
  | LaneHandleUnknown
  | AllowlistInvalid
  | LaneSettingInvalid
