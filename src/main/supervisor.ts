import { supervise } from "../../adapters/local-process/supervisor/Supervise.js"

const [folder, token] = process.argv.slice(2)
if (folder === undefined || token === undefined) {
  process.stderr.write("usage: supervisor FOLDER TOKEN (started by the server, once for each local task)\n")
  process.exit(2)
}
await supervise(folder, token)
process.exit()
