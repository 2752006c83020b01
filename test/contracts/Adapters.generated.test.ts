// Made by codegen/main.ts from adapters.manifest.yaml (adapters); change it there, then: npm run codegen
import { fixture as localProcessFixture } from "../fixtures/adapters/local-process.js"
import { fixture as awsAgentcoreFixture } from "../fixtures/adapters/aws-agentcore.js"
import { fixture as githubLaneFixture } from "../fixtures/adapters/github-lane.js"
import { adapterContract } from "./AdapterContract.js"

adapterContract("local-process", localProcessFixture)
adapterContract("aws-agentcore", awsAgentcoreFixture)
adapterContract("github-lane", githubLaneFixture)
