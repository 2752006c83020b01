/** The first line of an owned file: what made it, from what, and how to make it again. */
export const header = (entry: string): string =>
  `// Made by codegen/main.ts from adapters.manifest.yaml (${entry}); change it there, then: npm run codegen\n`

/** Whether a file was made by codegen and is not to be kept when nothing plans it any more. */
export const isMade = (content: string): boolean => content.startsWith("// Made by codegen/main.ts ")
