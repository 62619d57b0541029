import Board
import System

/// Removes the oldest batches of a chain, and tells its audience with a signed checkpoint.
///
/// Normally the checkpoint is durable before the first file goes, so nobody mistakes retention for removal, whenever the
/// power goes. Only when the disk is full the files go first and the checkpoint follows. One removal at a time; a
/// second request meanwhile is answered with false, and its cause comes again with the next batch.
final class Pruner {
    private unowned(unsafe) let publisher: ReadingsPublisher
    private(set) var isBusy = false

    init(publisher: ReadingsPublisher) { self.publisher = publisher }

    /// Removes the batches from the chain's oldest to `sequence`. `done` gets whether they are gone.
    func prune(_ chain: ChainPublisher, through sequence: UInt64, checkpointFirst: Bool, done: @escaping (Bool) -> Void) {
        guard !isBusy, sequence >= chain.position.oldest, let last = publisher.batch(chain, sequence) else { return done(false) }
        isBusy = true
        let sum = last.sum
        let finish: (Bool) -> Void = { [unowned(unsafe) self] removed in
            isBusy = false
            done(removed)
        }
        if checkpointFirst {
            writeCheckpoint(chain, through: sequence, sum: sum) { [unowned(unsafe) self] written in
                if written { removeFiles(chain, through: sequence, done: finish) } else { finish(false) }
            }
        } else {
            removeFiles(chain, through: sequence) { [unowned(unsafe) self] removed in
                guard removed else { return finish(false) }
                writeCheckpoint(chain, through: sequence, sum: sum) { _ in finish(true) }
            }
        }
    }

    private func writeCheckpoint(_ chain: ChainPublisher, through sequence: UInt64, sum: SHA256Sum, done: @escaping (Bool) -> Void) {
        let document = publisher.checkpoint(chain, through: sequence, sum: sum)
        publisher.backend.sign(document, for: chain.sensor.audience) { [unowned(unsafe) self] result in
            switch result {
            case .failure(let failure):
                publisher.failed("checkpoint", label: chain.label, failure)
                done(false)
            case .success(let message):
                publisher.backend.store(chain.label.checkpointName, message, replacing: true) { [unowned(unsafe) self] result in
                    if case .failure(let failure) = result { publisher.failed("checkpoint", label: chain.label, failure) }
                    if case .success = result { done(true) } else { done(false) }
                }
            }
        }
    }

    private func removeFiles(_ chain: ChainPublisher, through sequence: UInt64, done: @escaping (Bool) -> Void) {
        var names: [[UInt8]] = []
        var octets: Int64 = 0
        for one in chain.position.oldest...sequence {
            guard let batch = publisher.batch(chain, one) else { continue }
            names.append(BatchName(label: chain.label, sequence: one).octets)
            octets += batch.octets
        }
        let count = names.count
        publisher.backend.remove(names) { [unowned(unsafe) self] failure in
            if let failure {
                publisher.failed("removing", label: chain.label, failure)
                chain.position = publisher.position(of: chain.label)
                return done(false)
            }
            chain.position.oldest = sequence + 1
            chain.position.count -= count
            chain.position.octets -= octets
            publisher.counters.batchesRemoved += count
            log(chain, through: sequence, count: count, octets: octets)
            done(true)
        }
    }

    private func log(_ chain: ChainPublisher, through sequence: UInt64, count: Int, octets: Int64) {
        var log = Log("readings-removed")
        log.field("chain", octets: chain.label.octets)
        log.field("through", Int(truncatingIfNeeded: sequence))
        log.field("batches", count)
        log.field("octets", Int(truncatingIfNeeded: octets))
        log.write()
    }
}
