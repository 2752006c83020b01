import { existsSync } from "node:fs"
import { Effect } from "effect"
import type { RoutedRequest } from "../../src/domain/Task.js"
import type { Check } from "../../src/services/Adapter.js"
import { Installation } from "../../src/services/Installation.js"
import { environment } from "../../src/services/Variables.js"
import { detailsOf, directoryOf, isDirectory, locate } from "./Plan.js"
import { ExecutableNotFound, UnsupportedPlatform, WorkingDirectoryMissing } from "./Spec.generated.js"
import { processesHere } from "./supervisor/Processes.js"

const verdict = (name: string, problem: string | undefined, fine: string): Check =>
  problem === undefined ? { name, status: "pass", message: fine } : { name, status: "fail", message: problem }

/** Whether a request of this kind could run here; nothing is started. */
export const check = (request: RoutedRequest): Effect.Effect<ReadonlyArray<Check>, never, Installation> =>
  Effect.matchEffect(detailsOf(request), {
    onFailure: ({ message }) => Effect.succeed([verdict("details", message, "")]),
    onSuccess: (details) =>
      Effect.gen(function* () {
        const { supervisor } = yield* Installation
        const env = yield* environment(details.env)
        const directory = directoryOf(details)
        const program = supervisor[supervisor.length - 1] ?? ""
        const found = (name: string) => locate(name, directory, env["PATH"])
        const executables = request.taskType === "command.run" ? details.allow : (details.command ?? []).slice(0, 1)
        return [
          verdict(
            "platform",
            processesHere() === undefined ? new UnsupportedPlatform({ platform: process.platform }).message : undefined,
            process.platform
          ),
          verdict(
            "supervisor",
            existsSync(program) ? undefined : `${program} is missing; install the package again.`,
            program
          ),
          verdict(
            "cwd",
            isDirectory(directory) ? undefined : new WorkingDirectoryMissing({ path: directory }).message,
            directory
          ),
          ...(executables.length === 0 ? [nothingToRun(request)] : []),
          ...executables.map((executable) =>
            verdict(
              "executable",
              found(executable) === undefined ? new ExecutableNotFound({ executable }).message : undefined,
              found(executable) ?? ""
            )
          ),
          ...(details.isolation === "worktree"
            ? [
                verdict(
                  "git",
                  found("git") === undefined ? "git was not found; worktrees need it." : undefined,
                  found("git") ?? ""
                )
              ]
            : [])
        ]
      })
  })

const nothingToRun = ({ taskType }: RoutedRequest): Check =>
  taskType === "command.run"
    ? {
        name: "executable",
        status: "warn",
        message: "The backend's details.allow is empty, so command.run may run nothing."
      }
    : {
        name: "executable",
        status: "fail",
        message: "The backend's details.command is missing, so agent.run has nothing to run."
      }
