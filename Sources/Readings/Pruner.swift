import Board
import System

/// Removes the batches that were chosen (`Chain.removal`), one chain after the other, and tells each chain's audience
/// with a signed checkpoint.
///
/// Normally the checkpoint is durable before the first file goes, so nobody mistakes retention for removal, whenever the
/// power goes. Only when the disk is full all files go first and the checkpoints follow; one that cannot be written then is
/// owed, and tried again. What fails for one chain is not tried again for a minute, and does not keep others from going.
final class Pruner {
    private static let pause = 60 * nanosecondsPerSecond

    private unowned(unsafe) let publisher: ReadingsPublisher
    private let chains: Chains
    /// At first until `friendsAreLoaded`: before, a checkpoint would go to the account alone.
    private(set) var isBusy = true
    private(set) var isStarted = false
    private var checkpointFirst = true
    private var done: (Int) -> Void = { _ in }
    /// Batches removed since `begin`, and of the present chain since its first.
    private var removed = 0
    private var removedOfChain = 0
    private var octetsOfChain: Int64 = 0

    init(publisher: ReadingsPublisher, chains: Chains) {
        self.publisher = publisher
        self.chains = chains
    }

    func start() {
        guard !isStarted else { return }
        isStarted = true
        isBusy = false
        publisher.prunerIsIdle()
    }

    /// Begins to remove what was chosen; not while it is busy. `done` gets how many batches are gone.
    func begin(checkpointFirst: Bool, done: @escaping (Int) -> Void) {
        isBusy = true
        self.checkpointFirst = checkpointFirst
        self.done = done
        removed = 0
        proceed()
    }

    /// Takes the next step, when one is over.
    private func proceed() {
        let now = publisher.backend.clock.sinceBoot
        for chain in chains.all where chain.retryTime <= now {
            guard let removal = chain.removal else { continue }
            if chain.audience == nil { return learnAudience(chain) }
            if !removal.isDone, removal.isTold || !checkpointFirst { return removeFiles(chain) }
            if !removal.isTold, checkpointFirst { return tell(chain, removal) }
        }
        for chain in chains.all where chain.retryTime <= now {
            if let removal = chain.removal { return tell(chain, removal) }
        }
        isBusy = false
        let done = done
        self.done = { _ in }
        done(removed)
        publisher.prunerIsIdle()
    }

    private func failed(_ chain: Chain) {
        chain.retryTime = publisher.backend.clock.sinceBoot + Pruner.pause
        if chain.removal?.isDone != true { chain.removal = nil }
        let found = chains.position(of: chain.label)
        if chain.isCurrent { chain.position.recount(found) } else { chain.position = found }
        proceed()
    }

    private func succeeded(_ chain: Chain) {
        if let removal = chain.removal, removal.isTold, removal.isDone { chain.removal = nil }
        proceed()
    }

    /// Opens a batch of a chain that no sensor publishes into, to learn whom it is for. What only has a batch's name is left alone.
    private func learnAudience(_ chain: Chain) {
        publisher.backend.audience(ofBatch: chain.newestName) { [unowned(unsafe) self] answer in
            switch answer {
            case .told(let audience): chain.audience = audience
            case .unreadable(let recipients): chain.audience = .fingerprints(recipients)
            case .foreign:
                chain.removal = nil
                chains.forget(chain)
            case .later: return failed(chain)
            }
            proceed()
        }
    }

    private func tell(_ chain: Chain, _ removal: Chain.Removal) {
        guard let audience = chain.audience else { return failed(chain) }
        let document = publisher.checkpoint(chain.label, audience, through: removal.through, sum: removal.sum)
        publisher.backend.sign(document, for: audience) { [unowned(unsafe) self] result in
            switch result {
            case .failure(let failure):
                publisher.failed("checkpoint", label: chain.label, failure)
                failed(chain)
            case .success(let message): store(message, of: chain)
            }
        }
    }

    private func store(_ checkpoint: [UInt8], of chain: Chain) {
        publisher.backend.store(chain.label.checkpointName, checkpoint, replacing: true) { [unowned(unsafe) self] result in
            if case .failure(let failure) = result {
                publisher.failed("checkpoint", label: chain.label, failure)
                return failed(chain)
            }
            chain.removal?.isTold = true
            succeeded(chain)
        }
    }

    /// Removes the files of a chain, a bounded number at a time.
    private func removeFiles(_ chain: Chain) {
        guard let through = chain.removal?.through else { return proceed() }
        var names: [[UInt8]] = []
        var octets: Int64 = 0, last = chain.position.oldest
        chains.forEach(chain.label, from: chain.position.oldest) { batch in
            guard batch.sequence <= through, names.count < Bounds.removedAtOnce else { return false }
            names.append(BatchName(label: chain.label, sequence: batch.sequence).octets)
            octets += batch.stored.octets
            last = batch.sequence
            return true
        }
        if names.isEmpty {
            log(chain, through: through)
            chain.removal?.isDone = true
            return succeeded(chain)
        }
        publisher.backend.remove(names) { [unowned(unsafe) self] failure in
            if let failure {
                publisher.failed("removing", label: chain.label, failure)
                log(chain, through: chain.position.oldest - 1)
                return failed(chain)
            }
            chain.position.oldest = last + 1
            chain.position.count -= names.count
            chain.position.octets -= octets
            publisher.counters.batchesRemoved += names.count
            removed += names.count
            removedOfChain += names.count
            octetsOfChain += octets
            removeFiles(chain)
        }
    }

    private func log(_ chain: Chain, through sequence: UInt64) {
        if removedOfChain > 0 {
            var log = Log("readings-removed")
            log.field("chain", octets: chain.label.octets)
            log.field("through", Int(truncatingIfNeeded: sequence))
            log.field("batches", removedOfChain)
            log.field("octets", Int(truncatingIfNeeded: octetsOfChain))
            log.write()
        }
        removedOfChain = 0
        octetsOfChain = 0
    }
}
