/** The table of the rings, one rule a line: whatever a ring's rule does not list, it may not import. */
const tests = "^test/"
const effect = "^node_modules/effect/"
const platform =
  "^node_modules/(@effect/(platform|platform-node|sql|sql-[a-z-]+|cluster|rpc|workflow|experimental)|better-sqlite3|yaml)/"
const mcpSdk = "^node_modules/(@modelcontextprotocol/(server|node|core)|zod|jose)/"

const ring = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: from },
  to: { pathNot: allowed }
})

/** A ring that may also use what Node brings. */
const nodeRing = (...line) => {
  const rule = ring(...line)
  return { ...rule, to: { ...rule.to, dependencyTypesNot: ["core"] } }
}

/** A driver is one technology; these are the parts that may stand below it. */
const driverParts = "^src/drivers/(SchedulerLoop|Sqlite|SqlFault|SqlDialect|Postgres(Notices|Text|Transactions)|StoreNotices|StoreTables|StoreRows|StoreMigrations|StoreWrites|StoreClaim|StoreQuota|StoreLineage|StoreNews|StoreReading|StoreRetention|StoreExpired|SqliteWal|StateFolder|Audit(Append|Chain|Checkpoint|Export|File|Key|Lock|Merkle|Standing|Verify|Walk))\\.ts$"

module.exports = {
  forbidden: [
    ring(
      "domain-knows-only-effect",
      "^src/domain/",
      ["^src/domain/", effect],
      "Words and decisions: no I/O, no services."
    ),
    ring(
      "services-know-domain",
      "^src/services/",
      ["^src/services/", "^src/domain/", effect],
      "Contracts and their memory layers."
    ),
    ring(
      "dispatch-knows-services",
      "^src/dispatch/",
      ["^src/dispatch/", "^src/services/", "^src/domain/", effect],
      "The core reaches the world only through services."
    ),
    nodeRing(
      "drivers-know-services-and-platform",
      "^src/drivers/",
      ["^src/drivers/", "^src/services/", "^src/domain/", effect, platform],
      "Our disk, network and clock."
    ),
    {
      name: "no-driver-to-driver",
      comment: "A driver uses no other driver, only the parts listed for it.",
      severity: "error",
      from: { path: "^src/drivers/" },
      to: { path: "^src/drivers/", pathNot: driverParts }
    },
    nodeRing(
      "adapters-know-services",
      "^adapters/",
      ["^adapters/", "^src/services/", "^src/domain/", effect, "^node_modules/"],
      "A backend kind: services, domain, its own folder, its vendor's SDK; the SDK is bounded by the rules below."
    ),
    {
      name: "no-adapter-to-adapter",
      comment: "One adapter never knows another; only the registry names them all.",
      severity: "error",
      from: { path: "^adapters/([^/]+)/" },
      to: { path: "^adapters/[^/]+/", pathNot: "^adapters/$1/" }
    },
    {
      name: "only-local-process-touches-node",
      comment: "Every other backend is reached through a service or its vendor's SDK.",
      severity: "error",
      from: { path: "^adapters/", pathNot: "^adapters/(local-process|aws-agentcore)/" },
      to: { dependencyTypes: ["core"] }
    },
    {
      name: "agentcore-hashes-and-keeps-files",
      comment: "Ids are digests, and artifacts are copied before their session ends; everything else goes through the SDK.",
      severity: "error",
      from: { path: "^adapters/aws-agentcore/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|path|fs/promises)$" }
    },
    {
      name: "adapters-use-no-platform",
      comment: "Disk, network and clock of ours are drivers; what is asked of them is a service.",
      severity: "error",
      from: { path: "^adapters/" },
      to: { path: ["^node_modules/@effect/", "^node_modules/@modelcontextprotocol/", "^node_modules/better-sqlite3/"] }
    },
    nodeRing(
      "supervisor-is-plain-node",
      "^(adapters/local-process/supervisor/|src/main/supervisor\\.ts$)",
      ["^adapters/local-process/supervisor/", "^src/domain/(Redaction|HostSecrets)\\.ts$"],
      "It is started once per task and must be small: no Effect, and nothing that brings it; what finds secrets is written so."
    ),
    nodeRing(
      "mcp-knows-dispatch",
      "^src/mcp/",
      ["^src/mcp/", "^src/dispatch/", "^src/services/", "^src/domain/", effect, mcpSdk],
      "MCP in, Dispatch below."
    ),
    {
      name: "only-the-jwt-check-knows-jose",
      comment: "One place decides which tokens are good.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/mcp/HttpJwt\\.ts$" },
      to: { path: "^node_modules/jose/" }
    },
    ring(
      "cli-knows-dispatch",
      "^src/cli/",
      [
        "^src/cli/",
        "^src/dispatch/",
        "^src/services/",
        "^src/domain/",
        effect,
        "^node_modules/@effect/(cli|printer|printer-ansi|platform)/"
      ],
      "The same operations for a person."
    ),
    nodeRing(
      "worker-knows-domain",
      "^src/worker/",
      ["^src/worker/", "^src/domain/", effect],
      "It runs in the cloud or beside us, with nothing else of ours."
    ),
    nodeRing(
      "codegen-knows-domain",
      "^codegen/",
      ["^codegen/", "^src/domain/", effect, "^node_modules/(yaml|@effect/(platform|platform-node))/"],
      "It runs before anything else exists, so it brings its own disk."
    ),
    {
      name: "main-is-imported-by-nobody",
      comment: "Entry points compose and decide nothing, so there is nothing to import from them.",
      severity: "error",
      from: { pathNot: "^src/main/" },
      to: { path: "^src/main/" }
    },
    {
      name: "codegen-is-imported-by-nobody",
      severity: "error",
      from: { pathNot: ["^codegen/", tests] },
      to: { path: "^codegen/" }
    },
    {
      name: "tests-are-imported-by-nobody",
      comment: "But for the emulator, which people without an account start from the command line.",
      severity: "error",
      from: { pathNot: [tests, "^src/main/emulator\\.ts$"] },
      to: { path: tests }
    },
    {
      name: "no-circular",
      comment:
        "A circle of types alone does no harm: a contract names its memory layer, which is typed by the contract.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } }
    },
    { name: "no-unresolved", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-undeclared-package",
      comment: "What ships is declared in dependencies, not found by luck or among the development tools.",
      severity: "error",
      from: { path: "^(src|adapters)/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "npm-dev"] }
    }
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"]
    }
  }
}
