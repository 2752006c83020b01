import { Context } from "effect"

/**
 * The machine this process is on, as tasks remember it whose work lives there; nothing where whoever shares the
 * database shares the machine anyway.
 */
export class Host extends Context.Reference<Host>()("agentdispatch/Host", {
  defaultValue: (): { readonly name: string | undefined } => ({ name: undefined })
}) {}
