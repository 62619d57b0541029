import OpenPGP
import Streams

/// A stream whose first octet was looked at, and which then gives it to its owner as if it had not been.
final class UnreadStream: Streams.Stream, StreamOwner {
    /// The first octet of a TLS record with a handshake (RFC 8446, section 5.1); none of HTTP's.
    static let tls: UInt8 = 0x16

    var peerFingerprint: Fingerprint? { carrier.peerFingerprint }
    var network: Network? { carrier.network }
    var owner: (any StreamOwner)?

    private let carrier: any Streams.Stream
    private var first: UInt8?
    private var completion: ((UInt8?) -> Void)?

    init(_ carrier: any Streams.Stream) { self.carrier = carrier }

    /// Calls `completion` once: with the first octet, or with nil when none comes. Whoever becomes the owner in it is told at once that it can read,
    /// and must: the octet makes no carrier ready.
    func start(_ completion: @escaping (UInt8?) -> Void) {
        self.completion = completion
        carrier.owner = self
    }

    func streamIsReady() {
        guard completion != nil else {
            owner?.streamIsReady()
            return
        }
        var octet: UInt8 = 0
        switch withUnsafeMutableBytes(of: &octet, { carrier.receive(into: $0) }) {
        case .blocked: return
        case .octets: first = octet
        case .ended, .failed: break
        }
        // The owner may give the last reference up.
        withExtendedLifetime(self) {
            let done = completion
            completion = nil
            done?(first)
            if first != nil { owner?.streamIsReady() }
        }
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        guard let first, !buffer.isEmpty else { return carrier.receive(into: buffer) }
        self.first = nil
        buffer[0] = first
        // What follows may be there already; why it is not is told the next time.
        guard buffer.count > 1, case .octets(let count) = carrier.receive(into: UnsafeMutableRawBufferPointer(rebasing: buffer[1...])) else { return .octets(1) }
        return .octets(1 + count)
    }

    func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress { carrier.send(octets, more: more) }
    func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress { carrier.sendFile(file, offset: offset, count: count) }
    func wait(for readiness: StreamReadiness) { carrier.wait(for: readiness) }
    func finishSending() { carrier.finishSending() }

    func close() {
        owner = nil
        completion = nil
        carrier.owner = nil
        carrier.close()
    }
}
