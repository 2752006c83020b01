import type { PreflightReport } from "../dispatch/Preflight.js"

const marks = { pass: "ok  ", warn: "warn", fail: "FAIL" } as const

/** A preflight for a person to read. */
export const inWords = (reports: ReadonlyArray<PreflightReport>): string =>
  reports
    .map((report) => {
      const title = `${report.runtime ?? "installation"}${report.adapter === undefined ? "" : ` (${report.adapter})`}: ${report.ok ? "ready" : "not ready"}`
      return [title, ...report.checks.map((check) => `  ${marks[check.status]} ${check.name}: ${check.message}`)].join(
        "\n"
      )
    })
    .join("\n\n")
    .concat("\n")
