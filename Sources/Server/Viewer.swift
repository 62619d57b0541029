import Content
import OpenPGP
import Streams

/// Who looks, as far as it is proven: for whom which files exist.
struct Viewer {
    /// The peer's key, when it is a friend's (or the node's own); nil for a stranger.
    let fingerprint: Fingerprint?
    /// The (sub)keys by which files name it as a recipient.
    private let keyIDs: [KeyID]
    /// When these rights were looked up: others may hold now.
    let generation: UInt64

    static let stranger = Viewer(fingerprint: nil, keyIDs: [], generation: 0)

    init(fingerprint: Fingerprint?, keyIDs: [KeyID], generation: UInt64) {
        self.fingerprint = fingerprint
        self.keyIDs = keyIDs
        self.generation = generation
    }

    var isFriend: Bool { fingerprint != nil }

    /// Whether a file, or a version of one, exists for this viewer. A hidden recipient (key id 0) is nobody.
    func sees(_ entry: Entry) -> Bool {
        if entry.isPublic { return true }
        guard !keyIDs.isEmpty else { return false }
        return entry.recipients.contains { recipient in recipient != .hidden && keyIDs.contains(recipient) }
    }

    /// Whether a listing made for `other` is right for this viewer.
    func seesTheSame(as other: Viewer) -> Bool { fingerprint == other.fingerprint && (fingerprint == nil || generation == other.generation) }
}

/// Who is a friend now. Asked at each request, so that a removed friend loses its rights on open connections too.
public protocol Rights: AnyObject {
    /// The key ids of a friend's keys that messages can be encrypted to; nil when it is no friend.
    func keyIDs(of fingerprint: Fingerprint) -> [KeyID]?
    /// Changes whenever an answer of `keyIDs` may.
    var generation: UInt64 { get }
}

extension Server {
    /// Whom a stream's requests are from.
    func viewer(of stream: any Streams.Stream) -> Viewer {
        guard let rights, let fingerprint = stream.peerFingerprint, let keyIDs = rights.keyIDs(of: fingerprint) else { return .stranger }
        return Viewer(fingerprint: fingerprint, keyIDs: keyIDs, generation: rights.generation)
    }
}
