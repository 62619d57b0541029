import OpenPGP
import Readings
import System
import Vocabulary

/// Keeps the log within `Bounds.logFiles`: the oldest tenth goes, and a checkpoint says so before it does.
extension CommandLog {
    func prune() {
        guard count > Bounds.logFiles, !isPruning else { return }
        var names: [[UInt8]] = []
        var through: UInt64 = 0, sum = SHA256Sum()
        for sequence in oldest..<newest where names.count < Bounds.logFiles / 10 {
            let name = CommandLogDocument.fileName(sequence)
            guard let file = backend.file(name) else { continue }
            names.append(name)
            through = sequence
            sum = file.sum
        }
        guard through > 0 else { return }
        isPruning = true
        let clock = backend.clock
        let document = LogCheckpointDocument.octets(fingerprint: device, audience: CommandLog.audience, removedThrough: through, removedThroughSum: sum,
                                                    modified: clock.state == .set ? clock.now : nil)
        backend.sign(document, for: CommandLog.audience) { [unowned(unsafe) self] result in
            guard case .success(let message) = result else { return pruned(0, through) }
            backend.store(LogCheckpointDocument.fileName, message, replacing: true) { [unowned(unsafe) self] result in
                guard case .success = result else { return pruned(0, through) }
                backend.remove(names) { [unowned(unsafe) self] areGone in pruned(areGone ? names.count : 0, through) }
            }
        }
    }

    private func pruned(_ removed: Int, _ through: UInt64) {
        isPruning = false
        guard removed > 0 else { return }
        count -= removed
        oldest = through + 1
    }
}
