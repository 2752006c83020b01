import { createServer, type Socket, connect } from "node:net"
import { Effect } from "effect"

/** A way to a server that can be cut: what was said arrives, and the answer to it does not. */
export interface LossyWire {
  readonly port: number
  /** Cuts the connection on which this is said next, once it was passed on. */
  readonly cutAfter: (words: string) => void
  readonly cuts: () => number
}

export const lossyWire = (to: number) =>
  Effect.acquireRelease(
    Effect.async<LossyWire & { readonly close: () => void }>((resume) => {
      let wanted: string | undefined
      let cut = 0
      const sockets = new Set<Socket>()
      const server = createServer((client) => {
        const far = connect(to, "127.0.0.1")
        let silent = false
        for (const socket of [client, far]) {
          sockets.add(socket)
          socket.on("error", () => undefined)
        }
        client.on("data", (chunk) => {
          far.write(chunk)
          if (wanted === undefined || !chunk.toString("latin1").includes(wanted)) return
          wanted = undefined
          cut++
          silent = true
        })
        far.on("data", (chunk) => {
          if (silent) client.destroy()
          else client.write(chunk)
        })
        client.on("close", () => far.destroy())
        far.on("close", () => client.destroy())
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" && address !== null ? address.port : 0,
            cutAfter: (words) => void (wanted = words),
            cuts: () => cut,
            close: () => {
              server.close()
              for (const socket of sockets) socket.destroy()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )
