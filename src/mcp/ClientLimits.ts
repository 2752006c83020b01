import type { Waits } from "../domain/Config.js"

/** How long clients let one tool call take, and how long a wait inside one may therefore be. */
export interface ClientLimit {
  /** As the client names itself, lower case; a prefix of it. */
  readonly client: string
  /** The longest wait that ends before the client gives up or hides the answer, in seconds. */
  readonly waitSeconds: number
  readonly why: string
  readonly source: string
  /** When the source was read. */
  readonly date: string
}

/** The first entry whose name begins the client's own decides. */
export const clientLimits: ReadonlyArray<ClientLimit> = [
  {
    client: "claude-code",
    waitSeconds: 110,
    why: "calls go to the background after 120 s and their answers are easily lost there",
    source: "CLAUDE_CODE_MCP_AUTO_BACKGROUND_MS; anthropics/claude-code#78407",
    date: "2026-11"
  },
  {
    client: "claude-ai",
    waitSeconds: 50,
    why: "calls end after about 60 s on some platforms",
    source: "anthropics/claude-code#63379, #52137",
    date: "2026-11"
  },
  {
    client: "claude desktop",
    waitSeconds: 50,
    why: "calls end after about 60 s on some platforms",
    source: "anthropics/claude-code#63379, #58687",
    date: "2026-11"
  },
  {
    client: "codex",
    waitSeconds: 50,
    why: "tool_timeout_sec was 60 s before its default became 300 s",
    source: "openai/codex#28234",
    date: "2026-11"
  },
  {
    client: "cursor",
    waitSeconds: 240,
    why: "calls are cancelled after 5 min",
    source: "cursor/cursor#3510",
    date: "2026-11"
  },
  {
    client: "visual studio code",
    waitSeconds: 110,
    why: "no limit is documented; the chat is frozen meanwhile",
    source: "microsoft/vscode#308961",
    date: "2026-11"
  },
  {
    client: "zed",
    waitSeconds: 45,
    why: "context_server_timeout is 60 s and progress does not extend it",
    source: "zed-industries/zed#56774",
    date: "2026-11"
  },
  {
    client: "goose",
    waitSeconds: 50,
    why: "300 s by default, 30 to 60 s in older versions",
    source: "block/goose#8295, #9100",
    date: "2026-11"
  },
  {
    client: "github-copilot",
    waitSeconds: 45,
    why: "calls end after 60 s",
    source: "github/copilot-cli#1535",
    date: "2026-11"
  }
]

/** Below the 60 s that most programs take from their SDK. */
export const unknownClientSeconds = 45

/** No wait is longer, whoever asks for it. */
export const longestWaitSeconds = 3_600

/** How long a call of this client may wait; the operator knows better than the table, and the caller better than both. */
export const waitBudget = (client: string, settings: Waits, asked: number | undefined): number => {
  const name = client.toLowerCase()
  const configured = Object.entries(settings.clients ?? {}).find(([known]) => name.startsWith(known.toLowerCase()))?.[1]
  const listed = clientLimits.find((limit) => name.startsWith(limit.client))?.waitSeconds
  return Math.min(asked ?? configured ?? settings.seconds ?? listed ?? unknownClientSeconds, longestWaitSeconds)
}
