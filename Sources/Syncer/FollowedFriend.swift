import OpenPGP
import Peer
import System

/// What has been done, for `maud status`.
public struct SyncCounters: Sendable {
    /// Visits that brought everything, and others.
    public internal(set) var visits = 0
    public internal(set) var failedVisits = 0
    /// Files that were fetched, verified and stored.
    public internal(set) var files = 0
    /// Downloads that went on where an earlier one had ended.
    public internal(set) var resumed = 0
    /// Files that were listed and then gone.
    public internal(set) var vanished = 0
    /// By `Refusal.Kind`.
    var refused: InlineArray<6, Int> = .init(repeating: 0)

    /// All refused files.
    public var refusedFiles: Int {
        var all = 0
        for kind in 0..<6 { all += refused[kind] }
        return all
    }
}

/// What is known of one friend who is followed.
final class FollowedFriend {
    struct Address {
        let address: PeerAddress
        /// From the command line: it stays.
        let isStatic: Bool
    }

    let fingerprint: Fingerprint
    /// Newest discovery first, static ones last; at most `Bounds.syncAddresses` are discovered.
    private(set) var addresses: [Address] = []
    /// Where the last visit found the friend.
    var lastGood: PeerAddress?
    /// Whether the visit that began last has found the friend.
    var wasFound = false
    /// Seconds since 1970 by the friend's clock, 2 before the last listing that was taken in completely; nil: everything is asked for.
    var since: Int64?
    /// Visits that failed in a row.
    var failures = 0
    /// When the next visit is due, and when the last one began, in nanoseconds since boot.
    var due: Int64 = 0
    var lastStart: Int64 = .min
    /// When everything was taken in, in nanoseconds since boot.
    var lastSuccess: Int64?
    var pass: SyncPass?
    var counters = SyncCounters()
    /// The last file that was refused, and why.
    var lastRefusal: (file: [UInt8], reason: Message)?
    /// Why the last visit failed.
    var problem: Message?
    /// The friend's server gives no more than its first files and no further pages: the Go implementation.
    var listsOnlyFirst = false
    /// What earlier processes left of downloads has been removed.
    var isClean = false
    /// Entries that were refused, by sum (the first octets tell) and size: with another size it is another entry.
    private var refusals: [UInt64] = []

    init(_ fingerprint: Fingerprint) { self.fingerprint = fingerprint }

    // MARK: Addresses

    func add(_ address: PeerAddress, isStatic: Bool) {
        if isStatic {
            if !addresses.contains(where: { $0.isStatic && $0.address == address }) { addresses.append(Address(address: address, isStatic: true)) }
            return
        }
        remove(address)
        addresses.insert(Address(address: address, isStatic: false), at: 0)
        let discovered = addresses.count { !$0.isStatic }
        if discovered > Bounds.syncAddresses, let oldest = addresses.lastIndex(where: { !$0.isStatic }) { addresses.remove(at: oldest) }
    }

    func remove(_ address: PeerAddress) {
        addresses.removeAll { !$0.isStatic && $0.address == address }
    }

    /// In the order in which they are tried: where the friend was last, then the others.
    var candidates: [PeerAddress] {
        var all: [PeerAddress] = []
        if let lastGood, addresses.contains(where: { $0.address == lastGood }) { all.append(lastGood) }
        for one in addresses where one.address != lastGood { all.append(one.address) }
        return all
    }

    // MARK: Refusals

    /// What is remembered of `since` on the disk. Another process may have another key of the friend: then files are good that are refused
    /// now, and only a complete listing has them.
    var position: Int64? { counters.refused[Refusal.Kind.signatures.rawValue] > 0 ? nil : since }

    private func entry(_ sum: SHA256Sum, _ size: Int64) -> UInt64 { sum.words.0 &+ UInt64(truncatingIfNeeded: size) }

    func isRefused(_ sum: SHA256Sum, _ size: Int64) -> Bool { refusals.contains(entry(sum, size)) }

    /// False when no more are remembered.
    func remember(_ sum: SHA256Sum, _ size: Int64) -> Bool {
        guard refusals.count < Bounds.syncRefusals else { return false }
        if !isRefused(sum, size) { refusals.append(entry(sum, size)) }
        return true
    }

    /// What was refused may be right by now: the friend's key has changed.
    func forgetRefusals() {
        if counters.refusedFiles > 0 { since = nil }
        refusals = []
    }
}
