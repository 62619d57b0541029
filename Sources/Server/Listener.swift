import CLinux
import EventLoop
import Streams
import System

/// Accepts TCP connections and hands each to the server as a stream.
///
/// Without descriptors left (EMFILE, ENFILE) an idle connection is closed to make room; when there is none accepting pauses.
public final class Listener {
    private let socket: FileDescriptor
    private let loop: EventLoop
    private let server: Server
    /// Begins TLS on each connection; nil: what comes is HTTP.
    private let handshakes: Handshakes?
    private var acceptor: Acceptor?

    /// Listens on a numeric address; port 0 means any free one. Throws EADDRINUSE and its like with the address in it.
    public init(address: String, port: UInt16, server: Server, handshakes: Handshakes? = nil, loop: EventLoop) throws(SystemError) {
        socket = FileDescriptor(owning: try check(maud_listen(address, port, Int32(Bounds.connections)), "listen", "\(address):\(port)"))
        self.loop = loop
        self.server = server
        self.handshakes = handshakes
    }

    /// Begins to accept. Until then connections wait in the kernel's queue.
    public func start() throws(SystemError) {
        acceptor = try Acceptor(socket.rawValue, loop: loop) { [unowned(unsafe) self] in accept() }
    }

    /// The port that is listened on.
    public var port: UInt16 { UInt16(truncatingIfNeeded: maud_local_port(socket.rawValue)) }

    /// Accepts no more: whoever connects now is refused. Connections that there are stay.
    public func close() {
        acceptor?.close()
        maud_stop_listening(socket.rawValue)
    }

    private func accept() -> Acceptor.Attempt {
        var address = maud_address()
        let result = maud_accept(socket.rawValue, &address)
        guard result >= 0 else {
            let attempt = Acceptor.Attempt(failing: result)
            guard case .noRoom = attempt else { return attempt }
            return server.closeLongestIdle() ? .next : pauses()
        }
        guard let stream = try? TCPStream(owning: FileDescriptor(owning: result), from: address, loop: loop) else { return pauses() }
        if let handshakes { handshakes.begin(stream) } else { server.accept(stream) }
        return .next
    }

    private func pauses() -> Acceptor.Attempt {
        server.counters.acceptPauses += 1
        server.note("accept-paused", server.counters.acceptPauses)
        return .noRoom
    }
}
