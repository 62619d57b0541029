import System

/// How many commands are let in from outside at one time: places for PUTs, and how often gpg is started for strangers.
///
/// Whoever has proven by TLS to be a controller has all places; everyone else together has one, and twelve commands a minute.
final class CommandGate {
    private var places = 0
    private var strangers = 0
    /// When gpg was started for strangers within the last minute, nanoseconds since boot, the oldest first.
    private var starts: [Int64] = []
    private static let minute = 60 * nanosecondsPerSecond

    /// Whether there is a place.
    enum Answer {
        case place(CommandPlace)
        /// All places are taken.
        case busy
        /// Too often; try again after so many seconds.
        case later(Int)
    }

    func enter(isProven: Bool, now: Int64) -> Answer {
        if !isProven {
            if let seconds = seconds(now) { return .later(seconds) }
            if strangers > 0 { return .later(1) }
        }
        if places >= Bounds.commandsAtOnce { return .busy }
        places += 1
        if !isProven { strangers += 1 }
        return .place(CommandPlace(self, isProven: isProven))
    }

    /// Counts that gpg is started for a stranger; false when that was too often already.
    func start(now: Int64) -> Bool {
        if seconds(now) != nil { return false }
        starts.append(now)
        return true
    }

    /// A stranger kept gpg busy: no stranger for a minute.
    func close(now: Int64) { starts = [Int64](repeating: now, count: Bounds.strangerCommandsPerMinute) }

    /// Seconds until gpg may be started for a stranger again; nil: now.
    func seconds(_ now: Int64) -> Int? {
        starts.removeAll { $0 <= now - CommandGate.minute }
        guard starts.count >= Bounds.strangerCommandsPerMinute, let oldest = starts.first else { return nil }
        return Int((oldest + CommandGate.minute - now + nanosecondsPerSecond - 1) / nanosecondsPerSecond)
    }

    fileprivate func leave(isProven: Bool) {
        places -= 1
        if !isProven { strangers -= 1 }
    }
}

/// A place for one PUT, from its head to its answer: free again when nobody holds this any more.
public final class CommandPlace {
    private let gate: CommandGate
    let isProven: Bool

    fileprivate init(_ gate: CommandGate, isProven: Bool) {
        self.gate = gate
        self.isProven = isProven
    }

    deinit { gate.leave(isProven: isProven) }
}
