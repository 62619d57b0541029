import System
import Vocabulary

/// What `maud status` counts of commands.
public struct CommandCounters: Sendable {
    /// Commands carried out; that failed or were refused, each with an answer; that came again.
    public var completed = 0
    public var failed = 0
    public var repeated = 0
    /// Of those carried out: changes of who may command; renewed or revoked keys of friends that were taken over.
    public var controllerChanges = 0
    public var keysTakenOver = 0
    /// Files that were no command of a friend for us.
    public var unacceptable = 0
    /// PUTs that found no place or came too often, and files that came another way while too many waited.
    public var turnedAway = 0
    /// Times that the ledger, an answer or a command file could not be written.
    public var writeFailures = 0

    mutating func count(_ outcome: CommandOutcome) {
        if outcome.error != nil { return failed += 1 }
        completed += 1
        switch outcome.kind {
        case .set: break
        case .renewKey: keysTakenOver += 1
        case .addController, .removeController, .handOver: controllerChanges += 1
        }
    }
}

extension Commander {
    /// Counts a file that found no place.
    public func turnAway() {
        counters.turnedAway += 1
        note("command-turned-away", counters.turnedAway)
    }

    /// Counts a file that is no command of a friend for us.
    func refuse() {
        counters.unacceptable += 1
        note("command-unacceptable", counters.unacceptable)
    }

    /// Logs the first time, then when the count has doubled, so that a flood does not fill the log.
    private func note(_ event: StaticString, _ count: Int) {
        guard count & (count - 1) == 0 else { return }
        var line = Log(event)
        line.field("count", count)
        line.write()
    }
}
