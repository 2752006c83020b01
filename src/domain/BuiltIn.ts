import type { Config } from "./Config.js"
import type { JsonObject } from "./Json.js"

/** An agent that brings a command line of its own. */
export interface AgentCli {
  readonly executable: string
  /** Its documented non-interactive form, without any flag that widens its permissions. */
  readonly argv: readonly [string, ...ReadonlyArray<string>]
  /** The variables it is documented to sign in or find its settings with. */
  readonly env: ReadonlyArray<string>
}

export const agentClis: ReadonlyArray<AgentCli> = [
  {
    executable: "claude",
    argv: ["claude", "-p", "{instruction}"],
    env: ["ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN"]
  },
  {
    executable: "codex",
    argv: ["codex", "exec", "{instruction}"],
    env: ["OPENAI_API_KEY", "CODEX_API_KEY", "CODEX_HOME"]
  },
  {
    executable: "gemini",
    argv: ["gemini", "-p", "{instruction}"],
    env: ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT"]
  },
  { executable: "opencode", argv: ["opencode", "run", "{instruction}"], env: ["OPENCODE_CONFIG"] },
  {
    executable: "goose",
    argv: ["goose", "run", "--no-session", "-t", "{instruction}"],
    env: ["GOOSE_PROVIDER", "GOOSE_MODEL"]
  },
  {
    executable: "copilot",
    argv: ["copilot", "-p", "{instruction}"],
    env: ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"]
  },
  { executable: "cursor-agent", argv: ["cursor-agent", "-p", "{instruction}"], env: ["CURSOR_API_KEY"] }
]

const account = "local"
export const inheritedVariables = ["PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "USER", "SHELL"]

/**
 * The config of somebody who wrote none: the reference worker, and a profile for each agent found on PATH. No profile
 * is the default one, because an instruction for one of them is rarely meant for another.
 */
export const builtIn = (found: {
  readonly worker: ReadonlyArray<string>
  readonly agents: ReadonlyArray<AgentCli>
  readonly cwd: string
}): Config => {
  const backend = (details: JsonObject) => ({
    adapter: "local-process",
    account,
    details: { cwd: found.cwd, ...details }
  })
  const profile = (name: string, framework?: string) => ({
    provider: "local",
    account,
    capability: "agent-runtime",
    backend: name,
    ...(framework === undefined ? {} : { framework })
  })
  const workers = ["echo", "repo-report"]
  return {
    accounts: { [account]: { provider: "local", credentialSource: "none" } },
    backends: {
      worker: backend({ command: found.worker }),
      ...Object.fromEntries(
        found.agents.map((agent) => [
          agent.executable,
          backend({ command: agent.argv, env: [...inheritedVariables, ...agent.env] })
        ])
      )
    },
    runtimes: {
      ...Object.fromEntries(workers.map((framework) => [framework, profile("worker", framework)])),
      ...Object.fromEntries(found.agents.map((agent) => [agent.executable, profile(agent.executable)]))
    },
    defaults: {},
    policy: { rules: [] }
  }
}
