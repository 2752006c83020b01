import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { serve } from "../../test/emulators/agentcore/Emulator.js"

const worker = fileURLToPath(new URL("./worker.js", import.meta.url))
const region = "us-west-2"
const accountId = "123456789012"
const agentRuntimeId = "my_runtime-0123456789"

/**
 * AgentCore on this machine, for people without an account: one real reference worker per session, until the process is
 * told to stop. Prints a config that uses it.
 */
export const emulate = async (port: number): Promise<void> => {
  const emulator = await serve({
    port,
    region,
    accountId,
    workers: {
      "*": {
        command: [process.execPath, worker, "serve"],
        env: { AGENTDISPATCH_WORKER_HOST: "127.0.0.1", A2A_PORT: "{port:9000}" }
      }
    },
    runtimes: [{ agentRuntimeName: "my_runtime", agentRuntimeId }]
  })
  const runtimeArn = `arn:aws:bedrock-agentcore:${region}:${accountId}:runtime/${agentRuntimeId}`
  const config = {
    accounts: { emulated: { provider: "aws", region, credentialSource: "aws-sdk-default" } },
    backends: {
      agentcore: {
        adapter: "aws-agentcore",
        account: "emulated",
        details: { region, runtimeArn, worker: "dispatch/1", endpoint: emulator.url }
      }
    },
    runtimes: {
      cloud: {
        provider: "aws",
        account: "emulated",
        capability: "agent-runtime",
        backend: "agentcore",
        framework: "echo"
      }
    },
    defaults: { runtime: "cloud" }
  }
  process.stdout.write(`${JSON.stringify(config, null, 2)}\n`)
  process.stderr.write(
    `AgentCore is emulated at ${emulator.url}. Save the config above as emulated.json, then, in another terminal:\n` +
      '  AWS_ACCESS_KEY_ID=emulated AWS_SECRET_ACCESS_KEY=emulated agentdispatch run --config emulated.json --wait "Say hello."\n'
  )
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")])
  await emulator.close()
}
