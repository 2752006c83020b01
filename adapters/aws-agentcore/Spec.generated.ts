// Made by codegen/main.ts from adapters.manifest.yaml (adapters.aws-agentcore); change it there, then: npm run codegen
import { Schema } from "effect"
import { type AdapterSpec, detailSchema, NoDetails } from "../../src/domain/AdapterSpec.js"

export const Account = NoDetails
export type Account = typeof Account.Type

export const Details = Schema.Struct({
  region: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The AWS region; the account's if left out."
  }),
  runtimeArn: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The AgentCore runtime that sessions run on."
  }),
  qualifier: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The endpoint of the runtime."
  }),
  protocol: Schema.optionalWith(Schema.Literal("http", "a2a", "mcp", "ag-ui", "agui"), { exact: true }).annotations({
    description: "How the agent is spoken to; agui is another name of ag-ui."
  }),
  ecrImageUri: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The container image that a new runtime is made from."
  }),
  executionRoleArn: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The IAM role that a new runtime runs under."
  }),
  environmentVariables: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), { exact: true }).annotations({
    description: "Environment variables of a new runtime."
  }),
  deleteRuntimeOnCompletion: Schema.optionalWith(Schema.Boolean, { exact: true }).annotations({
    description: "false: a runtime that was made for a task is kept afterwards."
  }),
  cleanupAfterTask: Schema.optionalWith(Schema.Boolean, { exact: true }).annotations({
    description: "true: a runtime made for a task is deleted afterwards even when it speaks a2a."
  }),
  worker: Schema.optionalWith(Schema.Literal("dispatch/1", "prompt", "a2a"), { exact: true }).annotations({
    description: "What the runtime understands and answers."
  })
})
export type Details = typeof Details.Type

export const spec: AdapterSpec = {
  name: "aws-agentcore",
  title: "AWS Bedrock AgentCore",
  provider: "aws",
  capability: "agent-runtime",
  taskTypes: ["agent.run", "command.run"],
  targetModes: ["session", "runtime"],
  protocols: ["http", "a2a", "mcp", "ag-ui"],
  start: "once",
  transport: "sdk",
  maxConcurrent: 25,
  accountDetails: detailSchema(Account),
  details: detailSchema(Details),
  callerDetails: ["runtimeArn", "ecrImageUri", "executionRoleArn", "environmentVariables", "cleanupAfterTask"],
  needs: [
    {
      id: "runtimeArn",
      question: "Which AWS AgentCore runtime ARN should this cloud subagent use?",
      modes: ["session"],
      taskTypes: ["agent.run", "command.run"],
      environment: "AGENTDISPATCH_AGENTCORE_RUNTIME_ARN"
    },
    {
      id: "ecrImageUri",
      question: "Which ECR image URI should the AgentCore runtime for this cloud subagent be made from?",
      modes: ["runtime"],
      taskTypes: ["agent.run", "command.run"]
    },
    {
      id: "executionRoleArn",
      question: "Which IAM execution role ARN should the AgentCore runtime for this cloud subagent use?",
      modes: ["runtime"],
      taskTypes: ["agent.run", "command.run"]
    }
  ]
}
