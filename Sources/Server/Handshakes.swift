import EventLoop
import OpenPGP
import Streams
import System
import TLS

/// TLS connections whose handshake is not over: the server hears of a stream when its peer is known.
///
/// Each has `Bounds.handshakeSeconds`. There are at most `Bounds.handshakes`: a further one ends the oldest, so that whoever
/// opens thousands and says nothing waits at nobody's expense. Of one network there are at most as many as it may have
/// connections; a further one ends the oldest of these: a friend's handshake takes no time, and a stranger may sit in the same house.
public final class Handshakes {
    private struct Pending {
        /// One whose first octet is waited for, or a TLS stream.
        let stream: any Streams.Stream
        /// Nanoseconds since boot.
        let deadline: Int64
    }

    private let context: TLSContext
    private let server: Server
    private let loop: EventLoop
    /// The oldest first: all have the same time.
    private var pending: [Pending] = []
    private var timer: Timer?
    /// What `maud status` reports.
    public private(set) var counters = HandshakeCounters()
    /// Called with each peer that has proven its key.
    public var identified: ((Fingerprint) -> Void)?

    public init(context: TLSContext, server: Server, loop: EventLoop) {
        self.context = context
        self.server = server
        self.loop = loop
        timer = Timer { [unowned(unsafe) self] in timerIsDue() }
    }

    /// Handshakes under way.
    public var count: Int { pending.count }

    /// Takes a new stream that may be TLS or plain HTTP: the first octet tells, and it has as long as a handshake to come.
    public func beginByFirstOctet(_ carrier: any Streams.Stream) {
        let stream = UnreadStream(carrier)
        add(stream)
        stream.start { [unowned(unsafe) self, unowned(unsafe) stream] first in
            remove(stream)
            switch first {
            case UnreadStream.tls?: begin(stream)
            case nil: stream.close()
            default: server.accept(stream)
            }
        }
    }

    /// Begins the handshake on a new connection.
    func begin(_ carrier: any Streams.Stream) {
        let stream = TLSStream(over: carrier, .server, context: context)
        add(stream)
        stream.start { [unowned(unsafe) self, unowned(unsafe) stream] error in
            if let error { failed(stream, error) } else { succeeded(stream) }
        }
    }

    private func add(_ stream: any Streams.Stream) {
        if let network = stream.network { makeRoom(below: server.limits.connectionsPerNetwork) { $0.stream.network == network } }
        makeRoom(below: Bounds.handshakes) { _ in true }
        pending.append(Pending(stream: stream, deadline: loop.now + Int64(Bounds.handshakeSeconds) * nanosecondsPerSecond))
        arm()
    }

    /// Ends the oldest of these when there are as many as there may be.
    private func makeRoom(below limit: Int, _ isMeant: (Pending) -> Bool) {
        guard pending.count(where: isMeant) >= limit, let oldest = pending.first(where: isMeant) else { return }
        counters.evicted += 1
        server.note("handshake-evicted", counters.evicted)
        end(oldest.stream)
    }

    /// Ends all: at the end of the program.
    public func close() {
        if let timer { loop.cancel(timer) }
        while let first = pending.first { end(first.stream) }
    }

    private func succeeded(_ stream: TLSStream) {
        remove(stream)
        counters.completed += 1
        if stream.isResumed { counters.resumed += 1 }
        if let fingerprint = stream.peerFingerprint {
            counters.identified += 1
            identified?(fingerprint)
        }
        server.accept(stream, speaking: stream.applicationProtocol ?? .http1)
    }

    private func failed(_ stream: TLSStream, _ error: TLSError) {
        counters.failed += 1
        if counters.failed & (counters.failed - 1) == 0 {
            // A port scan would fill the log: the first is told, then each that doubles the count.
            var line = Log("handshake-failed")
            line.field("count", Int(clamping: counters.failed))
            line.field("reason", Message(error.description))
            line.write()
        }
        end(stream)
    }

    private func end(_ stream: any Streams.Stream) {
        remove(stream)
        stream.close()
    }

    private func remove(_ stream: any Streams.Stream) {
        if let index = pending.firstIndex(where: { $0.stream === stream }) { pending.remove(at: index) }
    }

    private func arm() {
        guard let timer, !timer.isScheduled, let first = pending.first else { return }
        loop.schedule(timer, at: first.deadline)
    }

    private func timerIsDue() {
        while let first = pending.first, first.deadline <= loop.now {
            counters.timeouts += 1
            server.note("handshake-timeout", counters.timeouts)
            end(first.stream)
        }
        arm()
    }
}

/// What became of TLS handshakes, since the start.
public struct HandshakeCounters: Equatable, Sendable {
    public var completed: UInt64 = 0
    /// Of the completed: with a ticket.
    public var resumed: UInt64 = 0
    /// Of the completed: with a peer that proved its key.
    public var identified: UInt64 = 0
    public var failed: UInt64 = 0
    public var timeouts: UInt64 = 0
    /// Ended for newer ones because there were too many, in all or of their network.
    public var evicted: UInt64 = 0

    public init() {}
}
