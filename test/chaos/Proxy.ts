import { connect, createServer, type Socket } from "node:net"
import { Effect, type Scope } from "effect"

/** Something between a client and a server that loses connections. */
export interface Proxy {
  readonly url: string
  /** Where new connections go from now on. */
  readonly to: (url: string) => void
  /** Resets every connection. */
  readonly cut: () => void
  /** No byte passes until it is let. */
  readonly stall: (stalled: boolean) => void
}

export const proxy: Effect.Effect<Proxy, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof open>>((resume) => {
      const opened = open()
      opened.server.listen(0, "127.0.0.1", () => resume(Effect.succeed(opened)))
    }),
    ({ cut, server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        cut()
      })
  ),
  ({ cut, server, stall, to }) => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { url: `http://127.0.0.1:${port}`, to, cut, stall }
  }
)

const open = () => {
  const sockets = new Set<Socket>()
  let port = 0
  let stalled = false
  const known = (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
    socket.on("close", () => sockets.delete(socket))
    if (stalled) socket.pause()
    return socket
  }
  const server = createServer((inbound) => {
    const outbound = known(connect(port, "127.0.0.1"))
    known(inbound).on("close", () => outbound.destroy())
    outbound.on("close", () => inbound.destroy())
    inbound.pipe(outbound)
    outbound.pipe(inbound)
    if (stalled) for (const socket of [inbound, outbound]) socket.pause()
  })
  return {
    server,
    to: (url: string) => void (port = Number(new URL(url).port)),
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    stall: (wanted: boolean) => {
      stalled = wanted
      for (const socket of sockets) {
        if (wanted) socket.pause()
        else socket.resume()
      }
    }
  }
}
