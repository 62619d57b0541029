import CLinux
import CMbedTLS
import OpenPGP
import Streams
import System

/// A TLS 1.3 stream over any other stream. The peer is the key that it has proven, and nothing else.
///
/// Costs nothing but itself until the peer sends its first octets; then about 14 KiB when idle, and at most 48 KiB.
public final class TLSStream: Stream, StreamOwner {
    public enum Role {
        /// Whoever comes; a certificate is asked for and may be missing.
        case server
        /// Only the server with this fingerprint.
        case client(Fingerprint)
    }

    private enum State { case handshake, open, failed, closed }

    public private(set) var peerFingerprint: Fingerprint?
    public var network: Network? { carrier.network }
    public var owner: (any StreamOwner)?
    /// What the client of the connection chose; nil without ALPN.
    public private(set) var applicationProtocol: ApplicationProtocol?
    /// Whether the peer proved its key earlier, within a day, and came back with a ticket.
    public private(set) var isResumed = false

    private let carrier: any Stream
    private let context: TLSContext
    private let role: Role
    private var connection: OpaquePointer?
    private var state = State.handshake
    private var waitsFor = StreamReadiness.receiving
    private var completion: ((TLSError?) -> Void)?

    /// Takes over `carrier`. Call `start` next.
    public init(over carrier: any Stream, _ role: Role, context: TLSContext) {
        self.carrier = carrier
        self.role = role
        self.context = context
    }

    deinit { if let connection { maud_tls_close(connection) } }

    /// Begins the handshake; `completion` is called once with nil when the peer is known and octets may flow, or with why not: then
    /// close the stream. It is not called after `close`. Nothing here ends a handshake that stalls: whoever starts it does.
    public func start(_ completion: @escaping (TLSError?) -> Void) {
        self.completion = completion
        carrier.owner = self
        // A server waits for the peer's first octets before it spends memory on it.
        if case .client = role { shakeHands() }
    }

    // MARK: The handshake

    public func streamIsReady() {
        switch state {
        case .handshake: shakeHands()
        case .open, .failed:
            owner?.streamIsReady()
            rest()
        case .closed: break
        }
    }

    private func shakeHands() {
        guard let connection = connection ?? connect() else { return finish(.noMemory) }
        switch maud_tls_handshake(connection) {
        case 0: open(connection)
        case Int32(MAUD_TLS_WANTS_TO_RECEIVE): carrier.wait(for: .receiving)
        case Int32(MAUD_TLS_WANTS_TO_SEND): carrier.wait(for: .sending)
        default: finish(TLSError(maud_tls_failure(connection)))
        }
    }

    private func connect() -> OpaquePointer? {
        let owner = Unmanaged.passUnretained(self).toOpaque()
        switch role {
        case .server: connection = maud_tls_connect(context.handle, nil, owner)
        case .client(let expected): connection = maud_tls_connect(context.handle, expected.octets, owner)
        }
        return connection
    }

    private func open(_ connection: OpaquePointer) {
        state = .open
        var isKnown = false
        let fingerprint = Fingerprint(written: { isKnown = maud_tls_peer(connection, $0) })
        if isKnown { peerFingerprint = fingerprint }
        isResumed = maud_tls_is_resumed(connection)
        // "h2" or "http/1.1": nothing else is offered.
        if let name = maud_tls_protocol(connection) { applicationProtocol = name[1] == 0x32 ? .http2 : .http1 }
        carrier.wait(for: waitsFor)
        finish(nil)
        rest()
    }

    private func finish(_ error: TLSError?) {
        if error != nil { state = .failed }
        let done = completion
        completion = nil
        done?(error)
    }

    // MARK: Octets

    public func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        guard state == .open, let connection else { return state == .handshake ? .blocked : .failed }
        return progress(maud_tls_receive(connection, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count))
    }

    public func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        guard state == .open, let connection else { return state == .handshake ? .blocked : .failed }
        return progress(maud_tls_send(connection, octets.baseAddress?.assumingMemoryBound(to: UInt8.self), octets.count))
    }

    public func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress {
        let room = context.scratch
        let read = maud_pread(file, room.baseAddress, min(count, room.count), offset)
        // The file became shorter while it was being sent: the response cannot be completed.
        guard read > 0 else { return .failed }
        return send(UnsafeRawBufferPointer(rebasing: room[..<read]), more: read < count)
    }

    private func progress(_ result: Int) -> StreamProgress {
        if result > 0 { return .octets(result) }
        switch Int32(truncatingIfNeeded: result) {
        case Int32(MAUD_TLS_WANTS_TO_RECEIVE), Int32(MAUD_TLS_WANTS_TO_SEND): return .blocked
        case Int32(MAUD_TLS_ENDED): return .ended
        default:
            state = .failed
            return .failed
        }
    }

    public func wait(for readiness: StreamReadiness) {
        waitsFor = readiness
        guard state != .handshake else { return }
        carrier.wait(for: readiness)
        rest()
    }

    /// Between two calls of the owner: octets that are in memory make no carrier ready, and empty buffers need no memory.
    private func rest() {
        guard state == .open, waitsFor == .receiving, let connection else { return }
        if maud_tls_has_octets(connection) { context.wake(self) } else { maud_tls_rest(connection) }
    }

    public func finishSending() {
        if let connection { _ = maud_tls_finish(connection) }
        carrier.finishSending()
    }

    public func close() {
        guard state != .closed else { return }
        // Says goodbye when that costs no waiting: else a peer cannot tell our end from somebody's scissors.
        if state == .open, let connection { _ = maud_tls_finish(connection) }
        // Octets that were not read would make a reset of the end, which takes the alert before it with it.
        if state == .failed { drain() }
        state = .closed
        owner = nil
        completion = nil
        context.forget(self)
        if let connection { maud_tls_close(connection) }
        connection = nil
        carrier.owner = nil
        carrier.close()
    }

    private func drain() {
        carrier.finishSending()
        for _ in 0..<Bounds.drainOctets / TLSContext.recordOctets {
            guard case .octets = carrier.receive(into: context.scratch) else { return }
        }
    }

    // MARK: The carrier

    static let carrier = maud_tls_carrier(receive: { owner, octets, count in
        guard let owner else { return MAUD_TLS_FAILED }
        let stream = Unmanaged<TLSStream>.fromOpaque(owner).takeUnretainedValue()
        return result(stream.carrier.receive(into: UnsafeMutableRawBufferPointer(start: octets, count: count)), MAUD_TLS_WANTS_TO_RECEIVE)
    }, send: { owner, octets, count in
        guard let owner else { return MAUD_TLS_FAILED }
        let stream = Unmanaged<TLSStream>.fromOpaque(owner).takeUnretainedValue()
        return result(stream.carrier.send(UnsafeRawBufferPointer(start: octets, count: count), more: false), MAUD_TLS_WANTS_TO_SEND)
    })
}

/// What Mbed TLS is told of its carrier.
private func result(_ progress: StreamProgress, _ blocked: Int) -> Int {
    switch progress {
    case .octets(let count): count
    case .blocked: blocked
    case .ended: MAUD_TLS_ENDED
    case .failed: MAUD_TLS_FAILED
    }
}
