import Board
import System

/// Where a chain stands: what of it is in the directory.
public struct ChainPosition: Equatable, Sendable {
    /// Sequence of the newest batch, 0 before the first.
    public var newest: UInt64 = 0
    /// SHA-256 of the newest batch's file: what the next batch names as `previous`.
    public var newestSum: SHA256Sum?
    /// Sequence of the oldest batch that is still there; newest + 1 when there is none.
    public var oldest: UInt64 = 1
    /// Batches that are there.
    public var count = 0
    /// Their octets.
    public var octets: Int64 = 0

    public init() {}

    /// Counts a batch that was found in the directory, in any order.
    mutating func found(sequence: UInt64, sum: SHA256Sum, octets size: Int64) {
        if count == 0 || sequence < oldest { oldest = sequence }
        if count == 0 || sequence > newest { newest = sequence; newestSum = sum }
        count += 1
        octets += size
    }

    /// Counts a batch that was just published.
    mutating func published(sequence: UInt64, sum: SHA256Sum, octets size: Int64) {
        if count == 0 { oldest = sequence }
        newest = sequence
        newestSum = sum
        count += 1
        octets += size
    }
}

/// One stored batch, as retention looks at it.
public struct StoredBatch {
    public let octets: Int64
    /// Nanoseconds since 1970.
    public let modificationTime: Int64
    public let sum: SHA256Sum
    public init(octets: Int64, modificationTime: Int64, sum: SHA256Sum) {
        self.octets = octets
        self.modificationTime = modificationTime
        self.sum = sum
    }
}

extension ChainPosition {
    /// A tenth is removed at once, so that a checkpoint is signed for every tenth, not for every batch.
    static let share = 10
    /// What is too old is removed an hour's worth at once, for the same reason.
    static let ageGrace = 3600 * nanosecondsPerSecond

    /// Through which sequence batches must go by `retention`, oldest first, or nil when none must.
    ///
    /// `count` and `octets` are never exceeded; what is younger than `days` is never removed for its age. The newest
    /// batch stays always: the chain hangs on it.
    /// - Parameters:
    ///   - now: nanoseconds since 1970, or nil while the clock is unset (then nothing is too old).
    ///   - batch: looks a sequence up; nil for one that is missing.
    public func expired(by retention: Retention, now: Int64?, batch: (UInt64) -> StoredBatch?) -> UInt64? {
        let tooMany = count > retention.count
        let tooLarge = octets > retention.octets
        var tooOld = Int64.min
        if let now, let first = batch(oldest) {
            let limit = now - Int64(retention.days) * 86_400 * nanosecondsPerSecond
            if first.modificationTime < limit - ChainPosition.ageGrace { tooOld = limit }
        }
        guard tooMany || tooLarge || tooOld > Int64.min else { return nil }
        let keptCount = tooMany ? retention.count - max(1, retention.count / ChainPosition.share) : count
        let keptOctets = tooLarge ? retention.octets - retention.octets / Int64(ChainPosition.share) : octets
        var restCount = count, restOctets = octets
        var through: UInt64?
        for sequence in oldest..<newest {
            guard let next = batch(sequence) else { continue }
            guard restCount > max(1, keptCount) || restOctets > keptOctets || next.modificationTime < tooOld else { break }
            restCount -= 1
            restOctets -= next.octets
            through = sequence
        }
        return through
    }
}
