import Board
import OpenPGP
import Readings
import System
import Vocabulary

/// The log of commands: signed files that are only ever added, each naming the SHA-256 of the one before it (docs/commands.md, part 8).
///
/// One file is under way at a time. What comes meanwhile goes into the next one together.
public final class CommandLog {
    private struct Entry {
        let outcome: CommandOutcome
        let done: () -> Void
    }

    /// Who reads it, besides the node: the friends who may command.
    static let audience = Audience.group("controllers")

    let device: Fingerprint
    let backend: any CommandBackend
    private var waiting: [Entry] = []
    private var isUnderWay = false
    private var hasStarted = false
    /// The newest file, and the oldest that is still there; 0 and 1 when there is none.
    var newest: UInt64 = 0
    var oldest: UInt64 = 1
    private var newestSum: SHA256Sum?
    var count = 0
    var isPruning = false
    /// Called when what waits could not be written.
    var hasFailed: () -> Void = {}

    init(device: Fingerprint, backend: any CommandBackend) {
        self.device = device
        self.backend = backend
    }

    var isIdle: Bool { waiting.isEmpty && !isUnderWay && !isPruning }

    /// Whether an outcome waits to be written.
    func holds(_ identifier: CommandIdentifier) -> Bool { waiting.contains { $0.outcome.identifier == identifier } }

    /// Finds out where the log stands, from the names in the directory.
    func start() {
        newest = 0
        oldest = 1
        count = 0
        // In the order of their numbers, which have leading zeros.
        backend.forEachFile(Array("log-")) { name, file in
            guard let sequence = CommandLogDocument.sequence(ofName: name) else { return true }
            if count == 0 { oldest = sequence }
            newest = sequence
            newestSum = file.sum
            count += 1
            return true
        }
        hasStarted = true
        advance()
    }

    /// Adds what became of a command; false when too much waits already. `done` is called when it is on the disk; not when the process
    /// ends before: then the ledger remembers.
    @discardableResult
    func append(_ outcome: CommandOutcome, done: @escaping () -> Void) -> Bool {
        guard waiting.count < Bounds.logWaiting else { return false }
        waiting.append(Entry(outcome: outcome, done: done))
        advance()
        return true
    }

    /// Writes what waits.
    func advance() {
        guard hasStarted, !isUnderWay, !waiting.isEmpty else { return }
        isUnderWay = true
        let count = min(waiting.count, Bounds.logEntries), sequence = newest + 1
        let outcomes = waiting[..<count].map { $0.outcome }
        let document = CommandLogDocument.octets(fingerprint: device, sequence: sequence, previous: newestSum, audience: CommandLog.audience, entries: outcomes[...])
        backend.sign(document, for: CommandLog.audience) { [unowned(unsafe) self] result in
            switch result {
            case .failure(let failure): failed(failure)
            case .success(let message):
                backend.store(CommandLogDocument.fileName(sequence), message, replacing: false) { [unowned(unsafe) self] result in
                    switch result {
                    case .success(let sum): written(sequence, sum, count)
                    case .failure(.exists):
                        // Somebody put a file of that name there: the log goes on behind it.
                        isUnderWay = false
                        let before = newest
                        start()
                        if newest == before { failed(.exists) }
                    case .failure(let failure): failed(failure)
                    }
                }
            }
        }
    }

    private func written(_ sequence: UInt64, _ sum: SHA256Sum, _ entries: Int) {
        isUnderWay = false
        newest = sequence
        newestSum = sum
        count += 1
        let done = waiting[..<entries].map { $0.done }
        waiting.removeFirst(entries)
        for body in done { body() }
        prune()
        advance()
    }

    /// They stay.
    private func failed(_ failure: PublishingFailure) {
        isUnderWay = false
        var line = Log("publishing-failed")
        line.field("step", "log" as Message)
        line.field("reason", failure.description)
        line.write()
        hasFailed()
    }
}
