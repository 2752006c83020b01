import type { Subject } from "../../src/domain/Policy.js"
import type { Policy, PolicyRule } from "../../src/domain/PolicyConfig.js"

/** Ann's call for the desk agent, at noon on Wednesday, 4 March 2026, UTC. */
export const someSubject = (given: Partial<Subject> = {}): Subject => ({
  tool: "spawn_cloud_agent",
  runtime: "desk",
  provider: "local",
  accountProfile: "here",
  capability: "agent-runtime",
  taskType: "agent.run",
  targetMode: "session",
  framework: "echo",
  principal: "user:ann",
  client: "editor",
  at: Date.UTC(2026, 2, 4, 12),
  ...given
})

export const policyOf = (...rules: ReadonlyArray<PolicyRule>): Policy => ({ rules })
