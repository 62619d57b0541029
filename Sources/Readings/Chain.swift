import Board
import System

/// The batches of one sensor for one audience: of a sensor that publishes into it, or of one that did once, before
/// `board.json` gave it another audience or left it out.
final class Chain {
    /// Batches that are going.
    struct Removal {
        let through: UInt64
        /// SHA-256 of the last of them.
        let sum: SHA256Sum
        /// The checkpoint is durable; the files are gone.
        var isTold = false
        var isDone = false
    }

    let label: ChainLabel
    let retention: Retention
    var position: ChainPosition
    /// Nil until a batch was opened to learn it.
    var audience: Audience?
    /// Whether a sensor publishes into it.
    var isCurrent = false
    var removal: Removal?
    /// Nanoseconds since boot: what failed is not tried again before.
    var retryTime: Int64 = 0
    /// While batches to remove are chosen over all chains: the oldest one that is not chosen.
    var candidate: ChainedBatch?

    init(label: ChainLabel, retention: Retention, position: ChainPosition = ChainPosition()) {
        self.label = label
        self.retention = retention
        self.position = position
    }

    var newestName: BatchName { BatchName(label: label, sequence: position.newest) }
}
