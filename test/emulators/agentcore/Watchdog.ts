import { type ChildProcess, spawn } from "node:child_process"

/** Ends every process group it was told of and not told to forget, once its input closes. */
const script = `
groups=""
while read -r sign group; do
  case "$sign" in
    +) groups="$groups $group" ;;
    -) groups=$(for g in $groups; do [ "$g" = "$group" ] || printf ' %s' "$g"; done) ;;
  esac
done
for g in $groups; do kill -s KILL -- "-$g" 2>/dev/null; done
`

/** Outlives the emulator by an instant, so that even a killed one leaves no worker behind. */
export class Watchdog {
  private readonly shell: ChildProcess

  constructor() {
    this.shell = spawn("sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true })
    this.shell.unref()
    this.shell.on("error", () => undefined)
    this.shell.stdin?.on("error", () => undefined)
  }

  watch(group: number | undefined) {
    if (group !== undefined) this.shell.stdin?.write(`+ ${group}\n`)
  }

  forget(group: number | undefined) {
    if (group !== undefined) this.shell.stdin?.write(`- ${group}\n`)
  }

  close() {
    this.shell.stdin?.end()
    return new Promise<void>((resolve) => {
      if (this.shell.exitCode !== null || this.shell.pid === undefined) resolve()
      else this.shell.once("exit", () => resolve())
    })
  }
}
