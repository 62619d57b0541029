import Board
import Content
import OpenPGP
import System

/// What chains need of the layers below: signing, storing, removing. The node implements it with GnuPG and the content
/// store; tests with memory.
public protocol PublishingBackend: AnyObject {
    /// The node's time for documents (see `NodeClock`).
    var clock: NodeClock { get }
    /// Octets of the node's directory, versions included.
    var totalOctets: Int64 { get }
    /// Calls `body` with files of the node's own directory, in the order of their names octet by octet, until it returns false.
    ///
    /// - Parameters:
    ///   - first: names before it are left out. It need not be there.
    ///   - body: a name is valid during the call.
    func forEachStored(from first: [UInt8], _ body: (_ name: UnsafeRawBufferPointer, StoredBatch) -> Bool)
    /// Whom the batch of this name is for: opens it, with gpg when it is encrypted.
    func audience(ofBatch name: BatchName, completion: @escaping (BatchAudience) -> Void)
    /// Signs a document for an audience. The completion runs once, later.
    func sign(_ document: [UInt8], for audience: Audience, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void)
    /// Stores a file durably; with `replacing` an older one goes to its versions, otherwise it is an error when it exists.
    func store(_ name: [UInt8], _ message: [UInt8], replacing: Bool, completion: @escaping (Result<StoredBatch, PublishingFailure>) -> Void)
    /// Removes files; those that are not there are fine.
    func remove(_ names: [[UInt8]], completion: @escaping (PublishingFailure?) -> Void)
}

/// Whom a stored batch is for.
public enum BatchAudience {
    /// It says so itself.
    case told(Audience)
    /// It cannot be opened. These it is encrypted to, by its key ids: the account, and who of the others still is a friend.
    case unreadable(recipients: [Fingerprint])
    /// It is no batch of this node and chain, whatever its name says.
    case foreign
    /// It cannot be told now: gpg has too much to do, or the file is being looked at.
    case later
}

/// Why something was not published.
public enum PublishingFailure: Error {
    /// The disk or the quota is full.
    case noSpace
    /// A file of this name is there already.
    case exists
    /// Not now (a queue is full, friends are not loaded): try again with the next reading.
    case busy
    /// Anything else, as a clause for the log.
    case failed(Message)

    public var description: Message {
        switch self {
        case .noSpace: "no space"
        case .exists: "the file exists"
        case .busy: "busy"
        case .failed(let reason): reason
        }
    }
}

extension Audience {
    /// One text for one audience: `public`, `group:NAME`, or `fingerprints:` with the fingerprints in ascending order.
    public var canonical: [UInt8] {
        switch self {
        case .everyone: return Array<UInt8>("public")
        case .group(let name): return Array<UInt8>("group:") + Array(name.utf8)
        case .fingerprints(let fingerprints):
            var texts: [[UInt8]] = []
            for fingerprint in fingerprints { texts.append(fingerprint.hexadecimal) }
            sort(count: texts.count, isLess: { texts[$0].lexicographicallyPrecedes(texts[$1]) }, swap: { texts.swapAt($0, $1) })
            var out = Array<UInt8>("fingerprints:")
            for (index, text) in texts.enumerated() {
                if index > 0 { out.append(0x2C) }
                out.append(contentsOf: text)
            }
            return out
        }
    }

    var isPublic: Bool {
        if case .everyone = self { true } else { false }
    }
}
