import CLinux
import EventLoop
import Streams
import System

/// Accepts TCP connections and hands each to the server as a stream.
///
/// Without descriptors left (EMFILE, ENFILE) an idle connection is closed to make room; when there is none the listener
/// pauses for `Bounds.acceptPauseSeconds`, so that the loop does not spin on a connection it cannot take.
public final class Listener {
    private let socket: FileDescriptor
    private let loop: EventLoop
    private let server: Server
    /// Begins TLS on each connection; nil: what comes is HTTP.
    private let handshakes: Handshakes?
    private var resume: Timer?

    /// Listens on a numeric address; port 0 means any free one. Throws EADDRINUSE and its like with the address in it.
    public init(address: String, port: UInt16, server: Server, handshakes: Handshakes? = nil, loop: EventLoop) throws(SystemError) {
        socket = FileDescriptor(owning: try check(maud_listen(address, port, Int32(Bounds.connections)), "listen", "\(address):\(port)"))
        self.loop = loop
        self.server = server
        self.handshakes = handshakes
    }

    /// Begins to accept. Until then connections wait in the kernel's queue.
    public func start() throws(SystemError) {
        try loop.add(socket.rawValue, .read) { [unowned(unsafe) self] _ in accept() }
    }

    /// The port that is listened on.
    public var port: UInt16 { UInt16(truncatingIfNeeded: maud_local_port(socket.rawValue)) }

    /// Accepts no more: whoever connects now is refused. Connections that there are stay.
    public func close() {
        if let resume { loop.cancel(resume) }
        loop.remove(socket.rawValue)
        maud_stop_listening(socket.rawValue)
    }

    /// Takes what waits, at most 16 at a time, so that a flood of connections does not keep the loop.
    private func accept() {
        for _ in 0..<16 {
            var address = maud_address()
            let result = maud_accept(socket.rawValue, &address)
            switch -result {
            case ErrorNumber.again: return
            case ErrorNumber.processFiles, ErrorNumber.systemFiles, ErrorNumber.noMemory:
                if !server.closeLongestIdle() { return pause() }
            case 1...: continue // gone before it was accepted
            default:
                guard let stream = try? TCPStream(owning: FileDescriptor(owning: result), from: address, loop: loop) else { return pause() }
                if let handshakes { handshakes.begin(stream) } else { server.accept(stream) }
            }
        }
    }

    private func pause() {
        server.counters.acceptPauses += 1
        server.note("accept-paused", server.counters.acceptPauses)
        try? loop.modify(socket.rawValue, [])
        let timer = resume ?? Timer { [unowned(unsafe) self] in try? loop.modify(socket.rawValue, .read) }
        resume = timer
        loop.schedule(timer, after: Int64(Bounds.acceptPauseSeconds) * nanosecondsPerSecond)
    }
}
