import { Schema } from "effect"

/** Why tasks cannot be read or written. */
export const StoreFault = Schema.Literal(
  "busy",
  "full",
  "read_only",
  "corrupt",
  "newer",
  "not_private",
  "unreachable",
  "refused",
  "untrusted",
  "moved",
  "arriving",
  "io"
)
export type StoreFault = typeof StoreFault.Type

/** What whoever keeps the database can do. */
export const remedies: Record<StoreFault, string> = {
  busy: "Another process holds the database; try again.",
  full: "The disk is full; free some space and try again. Nothing that was accepted is lost.",
  read_only: "The state folder cannot be written; make it writable, or set stateDir to a folder that is.",
  corrupt: "The database is damaged and was left as it is; restore a backup, or set stateDir to a new folder.",
  newer: "The database was written by a newer version and was left as it is; upgrade, or set stateDir to a new folder.",
  not_private: "The state folder belongs to somebody else; set stateDir to a folder of your own.",
  unreachable:
    "The database server cannot be reached; see that it runs and that store.url or AGENTDISPATCH_DATABASE_URL leads to it, then try again. Nothing that was accepted is lost.",
  refused:
    "The database server refuses; check user, password, database, rights and sslmode in store.url or AGENTDISPATCH_DATABASE_URL.",
  untrusted:
    "The database server's certificate cannot be checked; write sslmode=verify-full&sslrootcert=/path/to/ca.crt behind ? in store.url or AGENTDISPATCH_DATABASE_URL, with a host name the certificate is for.",
  moved:
    "These tasks have moved to PostgreSQL and the file was left as it is; name the new database as store.url or AGENTDISPATCH_DATABASE_URL, or set stateDir to a new folder.",
  arriving:
    "A move of tasks into this database was broken off before its end; run the same migrate command again, on the machine where it was begun. Until then the tasks are where they came from.",
  io: "The database could not be read or written; see the server's log."
}
