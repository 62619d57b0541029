import System

/// What commands have to do with the clock being set.
extension Commander {
    /// The clock was set: it is certain now when a loss of the ledger was seen.
    public func clockChanged() {
        let clock = backend.clock
        if clock.state == .set { ledger?.clockIsSet(now: clock.now / 1_000_000) }
    }

    /// The clock was believed although it is behind times that had passed by its own word (`NodeClock.believe`). What was signed before the latest
    /// of them may be a copy whose record has gone, so it is refused unless it names a challenge (docs/commands.md, 7.5).
    ///
    /// - Parameters:
    ///   - former: nanoseconds since 1970.
    ///   - done: called when that is on the disk, and not before: then what tells of these times may go.
    public func clockWentBack(from former: Int64, done: @escaping () -> Void) {
        wentBack = (max(former, wentBack?.from ?? 0), done)
        rememberWentBack()
    }

    func rememberWentBack() {
        guard let (former, done) = wentBack, let ledger else { return }
        ledger.forget(until: former / 1_000_000 + 1)
        ledger.save { [unowned(unsafe) self] error in
            if let error {
                notWritten("ledger", error.description)
                return retryLater()
            }
            // It may have gone back again meanwhile, from later still.
            guard wentBack?.from == former else { return }
            wentBack = nil
            done()
        }
    }
}
