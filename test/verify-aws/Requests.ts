import type { JsonObject } from "../../src/domain/Json.js"
import type { RoutedRequest, TargetMode } from "../../src/domain/Task.js"

/** Whose account it is, and what of it the checks may use. */
export interface Account {
  readonly runtimeArn: string
  readonly region: string
  readonly credentialSource: string
  readonly endpoint?: string
  /** What runtimes may be made from. */
  readonly made?: { readonly image: string; readonly role: string }
  /** How many times faster than ours the service's clock goes; 1 for the real one. */
  readonly speed: number
}

/** The shortest idle time that the service takes, in seconds. */
export const shortIdle = 60

/** A request as a dispatch through the adapter would have it, so that the adapter's own code can be used. */
export const requestOf = (account: Account, mode: TargetMode, details: JsonObject = {}): RoutedRequest => {
  const { region, endpoint, credentialSource, made, runtimeArn } = account
  return {
    provider: "aws",
    accountProfile: "verify",
    account: { provider: "aws", region, credentialSource },
    capability: "agent-runtime",
    backend: "verify",
    adapter: "aws-agentcore",
    taskType: "agent.run",
    target: { mode },
    details: {
      worker: "dispatch/1",
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(mode === "session"
        ? { runtimeArn }
        : {
            ecrImageUri: made?.image ?? "",
            executionRoleArn: made?.role ?? "",
            cleanupAfterTask: true,
            idleTimeoutSeconds: shortIdle,
            maxLifetimeSeconds: 3600,
            deadlineSeconds: 1800
          }),
      ...details
    },
    input: { instruction: "verify" }
  }
}
