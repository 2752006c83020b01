import type { ContentBlock } from "@modelcontextprotocol/server"

/** One red dot. */
export const picture: ContentBlock = {
  type: "image",
  mimeType: "image/png",
  data: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
}

/** No sound at all, as a WAV file. */
export const sound: ContentBlock = {
  type: "audio",
  mimeType: "audio/wav",
  data: "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
}

export const note = (uri: string, text: string, mimeType = "text/plain"): ContentBlock => ({
  type: "resource",
  resource: { uri, mimeType, text }
})
