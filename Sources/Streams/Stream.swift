import OpenPGP

/// Ordered octets with a peer at the other end: the one thing the server knows about what carries a request.
///
/// A stream never blocks. `wait(for:)` says what the owner waits for; as long as that holds, `streamIsReady` is called
/// again and again (level-triggered), so an owner need not read or write until `blocked`.
public protocol Stream: AnyObject {
    /// The key that the peer has proven to hold; nil when it has proven none, as on plain TCP.
    var peerFingerprint: Fingerprint? { get }
    /// What connections are counted by; nil when the carrier has a bound of its own.
    var network: Network? { get }
    /// Who is told of readiness. Set to nil before the stream is given up.
    var owner: (any StreamOwner)? { get set }

    /// Reads up to `buffer.count` octets.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress
    /// Sends octets, perhaps not all of them. `more` octets follow at once: they may travel together. After `blocked` the next
    /// octets are the same again: a part of them may be on its way already, encrypted.
    func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress
    /// Sends up to `count` octets of an open file; after `blocked` the same ones again.
    func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress
    /// Changes what is waited for.
    func wait(for readiness: StreamReadiness)
    /// Says that no more octets come, and goes on receiving.
    func finishSending()
    /// Ends the stream. Nothing else is called afterwards.
    func close()
}

/// What a stream can be waited for.
public enum StreamReadiness: Equatable, Sendable {
    case receiving, sending
    /// Not for anything, while a request is being worked on: what arrives waits with the peer. An owner may still be told of what was on its way.
    case nothing
}

/// What a stream did.
public enum StreamProgress: Equatable, Sendable {
    /// So many octets, at least one, were received or sent.
    case octets(Int)
    /// Not now.
    case blocked
    /// Receiving: the peer sends no more.
    case ended
    /// The stream is broken; close it.
    case failed
}

/// Who uses a stream.
public protocol StreamOwner: AnyObject {
    /// What was waited for holds, or the stream has failed: the next call on it tells.
    func streamIsReady()
}

/// What a peer shares with no stranger: its IPv4 address, or the /64 of its IPv6 address, of which one subscriber has all.
public struct Network: Equatable, Sendable {
    public let prefix: UInt64
    public let isIPv6: Bool

    public init(prefix: UInt64, isIPv6: Bool) {
        self.prefix = prefix
        self.isIPv6 = isIPv6
    }
}
