import type { Prompts } from "../../src/mcp/Prompts.js"
import { note, picture } from "./FixtureContent.js"

/** What the suite asks for, by its names. */
export const prompts: Prompts = {
  test_simple_prompt: {
    title: "A prompt without arguments",
    description: "Says one sentence.",
    arguments: [],
    text: () => "This is a simple prompt for testing."
  },
  test_prompt_with_arguments: {
    title: "A prompt with arguments",
    description: "Says what it was given.",
    arguments: [
      { name: "arg1", description: "The first", required: true },
      { name: "arg2", description: "The second", required: true }
    ],
    text: (given) => `Prompt with arguments: arg1='${given("arg1", "")}', arg2='${given("arg2", "")}'`
  },
  test_prompt_with_embedded_resource: {
    title: "A prompt with a resource",
    description: "Shows a resource.",
    arguments: [{ name: "resourceUri", description: "The resource", required: true }],
    blocks: (given) => [note(given("resourceUri", ""), "Embedded resource content for testing.")],
    text: () => "Please process the embedded resource above."
  },
  test_input_required_result_prompt: {
    title: "A prompt that asks",
    description: "Says what was answered.",
    arguments: [{ name: "context", description: "What context should the prompt use?", required: true }],
    text: (given) => `The context is: ${given("context", "")}`
  },
  test_prompt_with_image: {
    title: "A prompt with a picture",
    description: "Shows a picture.",
    arguments: [],
    blocks: () => [picture],
    text: () => "Please analyze the image above."
  }
}
