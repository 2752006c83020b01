import { Context, Effect, Layer, Schema, Stream } from "effect"

/** A copy could not be made whole, so what it was to replace is still there. */
export class ArchiveFailed extends Schema.TaggedError<ArchiveFailed>()("ArchiveFailed", {
  path: Schema.String,
  detail: Schema.String
}) {
  readonly code = "archive.failed"
  override get message() {
    return `${this.path} could not be written (${this.detail}), so nothing was deleted. Free some space or make the folder writable; it is tried again.`
  }
}

/** Keeps copies of what is about to be deleted. */
export class Archive extends Context.Tag("agentdispatch/Archive")<
  Archive,
  {
    /** Writes a whole file into a folder of its own for this user; its path once it is on disk to stay. */
    readonly write: <E>(
      folder: string,
      name: string,
      text: Stream.Stream<string, E>
    ) => Effect.Effect<string, ArchiveFailed | E>
  }
>() {
  static readonly layerMemory = (files: Map<string, string>) =>
    Layer.succeed(Archive, {
      write: <E>(folder: string, name: string, text: Stream.Stream<string, E>): Effect.Effect<string, E> =>
        Effect.map(Stream.mkString(text), (whole) => {
          files.set(`${folder}/${name}`, whole)
          return `${folder}/${name}`
        })
    })
}
