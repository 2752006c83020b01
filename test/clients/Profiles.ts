import type { OutputLimit, Profile } from "./Profile.js"

/** Assumed where a client's own limit is not known: the smallest one that is. */
const smallest: OutputLimit = { bytes: 10_000, cut: "head" }

/** The default time-out of the TypeScript SDK's client. */
const sdkSeconds = 60

const claudeCode = {
  callSeconds: 100_000,
  progressExtends: false,
  backgroundSeconds: 120,
  output: { bytes: 100_000, cut: "file" },
  sees: "structured",
  planMode: true,
  date: "2026-11"
} as const

/** Names, revisions and capabilities without another source are those of apify/mcp-client-capabilities. */
export const profiles: ReadonlyArray<Profile> = [
  {
    ...claudeCode,
    client: "Claude Code",
    info: { name: "claude-code", version: "2.1.319" },
    protocol: "2026-07-28",
    capabilities: { roots: {}, elicitation: { form: {} }, extensions: { "io.modelcontextprotocol/tasks": {} } },
    sources: "anthropics/claude-code#78407, #79944, #90058; MAX_MCP_OUTPUT_TOKENS; smoke tests of presa and remontoire"
  },
  {
    ...claudeCode,
    client: "Claude Code before 2.1.304",
    info: { name: "claude-code", version: "2.1.303" },
    protocol: "2025-11-25",
    capabilities: { roots: {}, elicitation: {} },
    sources: "anthropics/claude-code#78407, #86464, #79944, #90058; CLAUDE_CODE_MCP_AUTO_BACKGROUND_MS"
  },
  {
    client: "Claude Desktop",
    info: { name: "claude-ai", version: "0.1.0" },
    aliases: ["Claude Desktop"],
    protocol: "2025-06-18",
    capabilities: {},
    callSeconds: 60,
    progressExtends: false,
    output: smallest,
    sees: "either",
    planMode: false,
    sources: "anthropics/claude-code#63379, #58687, #52137",
    date: "2026-11"
  },
  {
    client: "Codex",
    info: { name: "codex-mcp-client", version: "0.165.0" },
    protocol: "2025-06-18",
    capabilities: { elicitation: {} },
    callSeconds: 60,
    progressExtends: false,
    output: { bytes: 10_240, cut: "middle" },
    sees: "structured",
    planMode: false,
    sources: "openai/codex#28234, #6544, #14466, #13425",
    date: "2026-11"
  },
  {
    client: "Cursor",
    info: { name: "cursor-vscode", version: "1.0.0" },
    protocol: "2025-06-18",
    capabilities: { roots: {}, elicitation: {} },
    callSeconds: 300,
    progressExtends: false,
    output: smallest,
    sees: "either",
    planMode: false,
    sources: "cursor/cursor#3510",
    date: "2026-11"
  },
  {
    client: "VS Code",
    info: { name: "Visual Studio Code", version: "1.130.0" },
    protocol: "2025-06-18",
    capabilities: {
      roots: {},
      sampling: {},
      elicitation: { form: {}, url: {} },
      tasks: { requests: { tools: { call: {} } } }
    },
    progressExtends: false,
    output: smallest,
    sees: "either",
    planMode: false,
    sources: "microsoft/vscode#308961",
    date: "2026-11"
  },
  {
    client: "Zed",
    info: { name: "Zed", version: "0.220.0" },
    protocol: "2025-03-26",
    capabilities: {},
    callSeconds: 60,
    progressExtends: false,
    output: smallest,
    sees: "text",
    planMode: false,
    sources: "zed-industries/zed#56774, #32668",
    date: "2026-11"
  },
  {
    client: "Goose",
    info: { name: "goose", version: "1.20.0" },
    protocol: "2025-03-26",
    capabilities: {},
    callSeconds: 300,
    progressExtends: false,
    output: smallest,
    sees: "text",
    planMode: false,
    sources: "block/goose#8295, #11020",
    date: "2026-11"
  },
  {
    client: "Copilot CLI",
    info: { name: "github-copilot-developer", version: "1.0.57" },
    protocol: "2025-11-25",
    capabilities: {},
    callSeconds: 60,
    progressExtends: false,
    output: { bytes: 10_000, cut: "head" },
    sees: "either",
    planMode: false,
    sources: "github/copilot-cli#1535, #1732",
    date: "2026-11"
  },
  {
    client: "any other",
    info: { name: "some-client", version: "1.0.0" },
    protocol: "2025-11-25",
    capabilities: {},
    callSeconds: sdkSeconds,
    progressExtends: true,
    output: smallest,
    sees: "either",
    planMode: false,
    sources: "the default of modelcontextprotocol/typescript-sdk",
    date: "2026-11"
  }
]
