import { variableName } from "../Names.js"
import { header } from "./Header.js"

/** `test/contracts/Adapters.generated.test.ts`: an adapter without a fixture does not compile. */
export const contractSuiteFile = (built: ReadonlyArray<string>): string => {
  const imports = built.map(
    (name) => `import { fixture as ${variableName(name)}Fixture } from "../fixtures/adapters/${name}.js"`
  )
  const runs = built.map((name) => `adapterContract(${JSON.stringify(name)}, ${variableName(name)}Fixture)`)
  return `${header("adapters")}${imports.join("\n")}
import { adapterContract } from "./AdapterContract.js"

${runs.join("\n")}
`
}
