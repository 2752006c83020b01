/** The requirement sets of the suite that are run; each is a revision of the protocol, and spoken as such. */
export const revisions = ["2025-11-25", "2026-07-28"] as const
export type Revision = (typeof revisions)[number]

/** What needs nothing of the suite's own is put to the server that users start; all else to the fixture server. */
export const forTheProduct: ReadonlySet<string> = new Set([
  "server-initialize",
  "ping",
  "completion-complete",
  "tools-list",
  "resources-list",
  "prompts-list",
  "sep-2164-resource-not-found",
  "dns-rebinding-protection",
  "caching",
  "http-header-validation",
  "server-sse-multiple-streams",
  "input-required-result-unsupported-methods"
])

interface NotApplicable {
  readonly because: string
  /** Names as the suite has them; behind `@` the only revision it is about. */
  readonly scenarios: ReadonlyArray<string>
}

/** What is not green, and why it need not be. */
export const notApplicable: ReadonlyArray<NotApplicable> = [
  {
    because: "The product never asks for a client's model or folders (sampling, roots).",
    scenarios: [
      "tools-call-sampling",
      "input-required-result-basic-sampling",
      "input-required-result-basic-list-roots",
      "input-required-result-multiple-input-requests",
      "input-required-result-capability-check"
    ]
  },
  {
    because:
      "Over HTTP the product keeps no sessions, so a client of 2025-11-25 cannot be asked within a call; it gets the questions as the answer.",
    scenarios: ["tools-call-elicitation", "elicitation-sep1034-defaults", "elicitation-sep1330-enums"]
  },
  {
    because: "Over HTTP the product keeps no sessions, and no streams to come back to.",
    scenarios: ["server-sse-multiple-streams@2025-11-25", "server-session-lifecycle", "server-sse-polling"]
  },
  {
    because: "The product's resources are its tasks; the suite wants others, at addresses of its own.",
    scenarios: [
      "resources-read-text",
      "resources-read-binary",
      "resources-templates-read",
      "resources-subscribe",
      "resources-unsubscribe"
    ]
  },
  {
    because: "The product logs to stderr, not to its clients.",
    scenarios: ["logging-set-level", "tools-call-with-logging"]
  },
  {
    because: "No tool of the product uses these parts of JSON Schema, or takes an argument from a header.",
    scenarios: ["json-schema-2020-12", "http-custom-header-server-validation"]
  },
  {
    because: "The suite checks nothing in it yet; the product's own tests of subscriptions do.",
    scenarios: ["tasks-status-notifications"]
  }
]

/** Why a scenario does not apply, if it does not. */
export const reasonOf = (scenario: string, revision: Revision): string | undefined =>
  notApplicable.find(({ scenarios }) => scenarios.includes(scenario) || scenarios.includes(`${scenario}@${revision}`))
    ?.because
