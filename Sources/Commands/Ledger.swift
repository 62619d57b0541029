import OpenPGP
import System
import Vocabulary

/// The commands that were carried out or refused, on the disk before anything moves (docs/commands.md, part 7).
///
/// One small file, written anew as a whole each time: after a power cut it is the old one or the new one. Writing is asynchronous; changes
/// that come meanwhile go out together with the next writing.
public final class Ledger {
    /// Writes the file durably and then calls back, on the loop's thread.
    public typealias Write = (_ octets: [UInt8], _ done: @escaping (SystemError?) -> Void) -> Void

    private var contents = LedgerContents()
    private let write: Write
    /// The latest of those that were carried out by a challenge although the highest startTime is later. In memory: challenges are as well.
    private var challenged: [HighestStart] = []
    private var isWriting = false
    private var waiting: [(SystemError?) -> Void] = []

    /// What was found at start.
    public enum Finding { case whole, new, lost }
    public let finding: Finding

    /// - Parameters:
    ///   - octets: of the file; nil when there is none.
    ///   - isFirst: the node has never run before, so there cannot be one.
    ///   - now: milliseconds since 1970, nil while the clock is not set.
    public init(_ octets: [UInt8]?, isFirst: Bool = false, now: Int64?, write: @escaping Write) {
        self.write = write
        if let octets, let contents = LedgerContents(octets) {
            self.contents = contents
            finding = .whole
            for record in contents.records where record.state == .begun { raise(record.outcome.controller, record.outcome.order, to: record.outcome.startTime) }
        } else if octets == nil, isFirst {
            finding = .new
        } else {
            contents.loss = now.map { .at($0) } ?? .whileUnset
            finding = .lost
        }
    }

    /// Commands that are remembered one by one.
    public var count: Int { contents.records.count }

    // MARK: Asking

    public func record(_ identifier: CommandIdentifier) -> LedgerRecord? { index(identifier).map { contents.records[$0] } }

    /// Every record, the oldest first.
    public var records: [LedgerRecord] { contents.records }

    private func index(_ identifier: CommandIdentifier) -> Int? { contents.records.firstIndex { $0.outcome.identifier == identifier } }

    /// The highest startTime of a controller's commands for an actuator that were carried out, or are begun; nil when there is none.
    public func highestStart(_ controller: Fingerprint, _ target: [UInt8]) -> Int64? { highest(contents.highest, controller, target) }

    /// The same of those alone that were carried out by a challenge while the highest startTime lay ahead, and of those that are begun.
    public func highestByChallenge(_ controller: Fingerprint, _ target: [UInt8]) -> Int64? { highest(challenged, controller, target) }

    private func highest(_ entries: [HighestStart], _ controller: Fingerprint, _ target: [UInt8]) -> Int64? {
        var highest: Int64?
        for entry in entries where entry.controller == controller && entry.target == target { highest = max(highest ?? .min, entry.startTime) }
        for record in contents.records where record.state == .begun && record.outcome.controller == controller && record.outcome.order == target {
            highest = max(highest ?? .min, record.outcome.startTime)
        }
        return highest
    }

    /// Whether something signed at that time may have been carried out and forgotten.
    /// - Parameters:
    ///   - startTime: milliseconds since 1970.
    ///   - signatureTime: the same, of whole seconds.
    public func isForgotten(startTime: Int64, signatureTime: Int64) -> Bool {
        switch contents.loss {
        case .none: false
        case .whileUnset: true
        case .at(let time): startTime < time || signatureTime < time / 1000 * 1000
        }
    }

    // MARK: Changing

    /// The clock is set now: a loss that was noticed before it was gets this time.
    public func clockIsSet(now: Int64) {
        if contents.loss == .whileUnset { contents.loss = .at(now) }
    }

    /// From now on nobody knows of commands before this time whether they were carried out.
    /// - Parameter time: milliseconds since 1970.
    public func forget(until time: Int64) {
        if case .at(let known) = contents.loss, known >= time { return }
        contents.loss = .at(time)
    }

    /// Adds a command. At the bound the oldest one that is settled goes, else the oldest that has ended; its answer still tells that it was
    /// there. False when all have only begun.
    public func add(_ record: LedgerRecord) -> Bool {
        if contents.records.count >= Bounds.ledgerRecords {
            guard let oldest = contents.records.firstIndex(where: { $0.isSettled }) ?? contents.records.firstIndex(where: { $0.state == .ended }) else { return false }
            contents.records.remove(at: oldest)
        }
        contents.records.append(record)
        return true
    }

    /// Changes the record of a command, when it is there.
    public func change(_ identifier: CommandIdentifier, _ body: (inout LedgerRecord) -> Void) {
        if let index = index(identifier) { body(&contents.records[index]) }
    }

    /// Forgets a command that was never begun after all.
    public func remove(_ identifier: CommandIdentifier) {
        if let index = index(identifier) { contents.records.remove(at: index) }
    }

    /// Raises the highest startTime. At the bound the lowest of all goes; what is not later is then as good as forgotten, for everybody.
    public func raise(_ controller: Fingerprint, _ target: [UInt8], to startTime: Int64) {
        if let index = contents.highest.firstIndex(where: { $0.controller == controller && $0.target == target }) {
            if startTime < contents.highest[index].startTime {
                // More challenges than that cannot be used before the first of them is too old.
                if challenged.count > Bounds.usedChallenges { challenged.removeFirst() }
                challenged.append(HighestStart(controller: controller, target: target, startTime: startTime))
            }
            contents.highest[index].startTime = max(contents.highest[index].startTime, startTime)
            return
        }
        if contents.highest.count >= Bounds.ledgerHighest, let lowest = contents.highest.indices.min(by: { contents.highest[$0].startTime < contents.highest[$1].startTime }) {
            if contents.loss != .whileUnset { forget(until: contents.highest[lowest].startTime + 1) }
            contents.highest.remove(at: lowest)
        }
        contents.highest.append(HighestStart(controller: controller, target: target, startTime: startTime))
    }

    /// Drops the records that are settled and that no copy could be mistaken for new any more.
    /// - Parameter now: milliseconds since 1970.
    public func drop(before now: Int64) { contents.records.removeAll { $0.isSettled && $0.keepUntil < now } }

    // MARK: Writing

    /// Writes everything as it is now; `done` is called when that is on the disk, or could not be written.
    public func save(_ done: @escaping (SystemError?) -> Void) {
        waiting.append(done)
        if !isWriting { writeNow() }
    }

    private func writeNow() {
        isWriting = true
        let told = waiting
        waiting = []
        write(contents.octets) { [unowned(unsafe) self] error in
            isWriting = false
            for done in told { done(error) }
            if !waiting.isEmpty, !isWriting { writeNow() }
        }
    }
}
