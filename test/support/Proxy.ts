import { connect, createServer, type Socket } from "node:net"
import { Effect, type Scope } from "effect"

/** Something between a client and a server that loses connections. */
export interface Proxy {
  readonly url: string
  readonly port: number
  /** Where new connections go from now on. */
  readonly to: (url: string) => void
  /** Resets every connection. */
  readonly cut: () => void
  /** No byte passes until it is let; new connections are taken in, and nothing comes of them. */
  readonly stall: (stalled: boolean) => void
  /** New connections are reset until they are not. */
  readonly refuse: (refused: boolean) => void
}

/** At a port of loopback, any if none is given. */
export const proxyAt = (wanted = 0): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<ReturnType<typeof open>>((resume) => {
        const opened = open()
        opened.server.listen(wanted, "127.0.0.1", () => resume(Effect.succeed(opened)))
      }),
      ({ cut, server }) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          cut()
        })
    ),
    ({ server, ...ways }) => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { url: `http://127.0.0.1:${port}`, port, ...ways }
    }
  )

export const proxy = proxyAt()

const open = () => {
  const sockets = new Set<Socket>()
  let far = { host: "127.0.0.1", port: 0 }
  let [stalled, refused] = [false, false]
  const known = (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
    socket.on("close", () => sockets.delete(socket))
    if (stalled) socket.pause()
    return socket
  }
  const server = createServer((inbound) => {
    if (refused) {
      inbound.resetAndDestroy()
      return
    }
    const outbound = known(connect(far))
    known(inbound).on("close", () => outbound.destroy())
    outbound.on("close", () => inbound.destroy())
    inbound.pipe(outbound)
    outbound.pipe(inbound)
    if (stalled) for (const socket of [inbound, outbound]) socket.pause()
  })
  return {
    server,
    to: (url: string) => {
      const { hostname, port } = new URL(url)
      far = { host: hostname, port: Number(port) }
    },
    refuse: (wanted: boolean) => void (refused = wanted),
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
