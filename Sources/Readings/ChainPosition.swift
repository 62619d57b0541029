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

    /// Counts a batch that was found in the directory, in any order, or was just published.
    mutating func found(sequence: UInt64, sum: SHA256Sum, octets size: Int64) {
        if count == 0 || sequence < oldest { oldest = sequence }
        if count == 0 || sequence > newest { newest = sequence; newestSum = sum }
        count += 1
        octets += size
    }

    /// Takes over what is there now, when another program may have removed batches; the chain goes on where it stood.
    mutating func recount(_ found: ChainPosition) {
        oldest = found.count > 0 ? found.oldest : newest + 1
        count = found.count
        octets = found.octets
    }
}

/// One stored batch, as retention looks at it.
public struct StoredBatch {
    public let octets: Int64
    /// Nanoseconds since 1970.
    public let modificationTime: Int64
    /// Whether the clock was set when the file got that time. If not, nobody knows how old it is.
    public let isTimed: Bool
    public let sum: SHA256Sum
    public init(octets: Int64, modificationTime: Int64, isTimed: Bool = true, sum: SHA256Sum) {
        self.octets = octets
        self.modificationTime = modificationTime
        self.isTimed = isTimed
        self.sum = sum
    }
}

/// A batch at its place in a chain.
public struct ChainedBatch {
    public let sequence: UInt64
    public let stored: StoredBatch
    public init(sequence: UInt64, stored: StoredBatch) {
        self.sequence = sequence
        self.stored = stored
    }
}

extension Retention {
    /// A tenth is removed at once, so that a checkpoint is signed for every tenth, not for every batch.
    static let share = 10
    /// What is too old is removed an hour's worth at once, for the same reason.
    static let ageGrace = 3600 * nanosecondsPerSecond
    /// So long after the start, and after the clock was set, nothing goes for its age: a clock that was years ahead has removed nothing when it is set right by then.
    static let doubt = 12 * 3600 * nanosecondsPerSecond

    private var age: Int64 { Int64(days) * 86_400 * nanosecondsPerSecond }

    /// When a chain's oldest batch must go for its age, in nanoseconds since 1970; nil when nobody knows.
    func expiry(_ batch: StoredBatch) -> Int64? {
        let time = batch.modificationTime.addingReportingOverflow(age + Retention.ageGrace)
        return batch.isTimed && !time.overflow ? time.partialValue : nil
    }

    /// Whether by its age a batch may go together with one that must.
    fileprivate func isTooOld(_ batch: StoredBatch, now: Int64) -> Bool { batch.isTimed && batch.modificationTime < now - age }
}

extension ChainPosition {
    /// Through which batch the chain must go by `retention`, oldest first, or nil when none must.
    ///
    /// `count` and `octets` are never exceeded; what is younger than `days` is never removed for its age. The newest
    /// batch stays always: the chain hangs on it. Only batches that are there are looked at, however far apart their numbers are.
    /// - Parameters:
    ///   - now: nanoseconds since 1970, or nil while the clock is unset (then nothing is too old).
    ///   - next: the first batch of that sequence or a later one that is there.
    public func expired(by retention: Retention, now: Int64?, next: (UInt64) -> ChainedBatch?) -> ChainedBatch? {
        let tooMany = count > retention.count, tooLarge = octets > retention.octets
        var tooOld = false
        if let now, let first = next(oldest), let expiry = retention.expiry(first.stored) { tooOld = expiry < now }
        guard tooMany || tooLarge || tooOld else { return nil }
        let keptCount = tooMany ? retention.count - max(1, retention.count / Retention.share) : count
        let keptOctets = tooLarge ? retention.octets - retention.octets / Int64(Retention.share) : octets
        var restCount = count, restOctets = octets, from = oldest
        var through: ChainedBatch?
        while let batch = next(from), batch.sequence < newest {
            let isOld = tooOld && retention.isTooOld(batch.stored, now: now ?? 0)
            guard restCount > max(1, keptCount) || restOctets > keptOctets || isOld else { break }
            restCount -= 1
            restOctets -= batch.stored.octets
            through = batch
            from = batch.sequence + 1
        }
        return through
    }
}
