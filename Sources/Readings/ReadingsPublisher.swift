import Board
import OpenPGP
import System
import Vocabulary

/// What `maud status` counts of readings.
public struct ReadingsCounters: Sendable {
    /// Readings taken into a batch.
    public var readings = 0
    /// Readings lost because they could not be published for too long.
    public var readingsDropped = 0
    /// Batches stored.
    public var batches = 0
    /// Attempts to sign or store that failed.
    public var failures = 0
    /// Batches removed by retention, and of those the ones removed because the disk or the quota was full.
    public var batchesRemoved = 0
    public var batchesRemovedForSpace = 0
}

/// From readings to chains of signed batches, and from retention to signed checkpoints.
///
/// Every sensor has its chain (`ChainPublisher`); this is what they share: the node's identity, the quota, retention.
public final class ReadingsPublisher {
    let backend: any PublishingBackend
    private let fingerprint: Fingerprint
    private let bootID: [UInt8]
    private let quota: Int64
    private var chains: [ChainPublisher] = []
    private lazy var pruner = Pruner(publisher: self)
    public var counters = ReadingsCounters()

    /// - Parameters:
    ///   - bootID: the kernel's boot id, 36 octets of text.
    public init(board: Board, fingerprint: Fingerprint, bootID: [UInt8], backend: any PublishingBackend) {
        self.backend = backend
        self.fingerprint = fingerprint
        self.bootID = bootID
        quota = board.quota
        for (index, sensor) in board.sensors.enumerated() {
            chains.append(ChainPublisher(sensor: sensor, index: index, publisher: self))
        }
    }

    /// Finds out where every chain stands; call it once the index of the own directory is complete. Readings that came
    /// before wait.
    public func start() {
        for chain in chains { resolve(chain) }
    }

    /// Takes a reading of the sensor with this index in the board.
    public func record(sensor index: Int, _ reading: Reading) { chains[index].record(reading) }

    /// Publishes batches that are not full, before the node ends.
    public func flush() {
        for chain in chains { chain.flush() }
    }

    /// Nothing waits to be published.
    public var isIdle: Bool {
        for chain in chains where !chain.isIdle { return false }
        return !pruner.isBusy
    }

    // MARK: Which chain is a sensor's

    /// The plain label belongs to the sensor's first audience. When the newest batch under it is for another one, the
    /// chain of this audience has a label of its own, and its own sequence from 1.
    private func resolve(_ chain: ChainPublisher) {
        let plain = ChainLabel(sensor: chain.sensor.name)
        let position = position(of: plain)
        guard position.count > 0 else { return chain.resolved(label: plain, position: position) }
        let audience = chain.sensor.audience.canonical
        backend.audience(ofBatch: BatchName(label: plain, sequence: position.newest).octets) { [unowned(unsafe) self] found in
            if let found, found == audience { return chain.resolved(label: plain, position: self.position(of: plain)) }
            let label = ChainLabel(sensor: chain.sensor.name, audience: audience)
            chain.resolved(label: label, position: self.position(of: label))
        }
    }

    func position(of label: ChainLabel) -> ChainPosition {
        var position = ChainPosition()
        backend.forEachStored { name, batch in
            guard let name = BatchName(name), name.label == label else { return }
            position.found(sequence: name.sequence, sum: batch.sum, octets: batch.octets)
        }
        return position
    }

    // MARK: For the chains

    /// The document of the next batch of a chain.
    func document(_ chain: ChainPublisher, sequence: UInt64, readings: ArraySlice<Reading>) -> [UInt8] {
        ReadingBatchDocument(fingerprint: fingerprint, sensor: chain.sensor, chain: chain.label.octets, sequence: sequence,
                             previous: chain.position.newestSum, bootID: bootID, clock: readings.first?.time == nil ? .unset : .set)
            .octets(readings: readings)
    }

    /// The checkpoint of a chain.
    func checkpoint(_ chain: ChainPublisher, through sequence: UInt64, sum: SHA256Sum) -> [UInt8] {
        CheckpointDocument(fingerprint: fingerprint, sensorName: chain.sensor.name, chain: chain.label.octets, audience: chain.sensor.audience,
                           removedThrough: sequence, removedThroughSum: sum, modified: backend.clock.state == .set ? backend.clock.now : nil).octets
    }

    func published(_ chain: ChainPublisher) {
        counters.batches += 1
        let now = backend.clock.state == .set ? backend.clock.now : nil
        let through = chain.position.expired(by: chain.sensor.retention, now: now) { self.batch(chain, $0) }
        if let through { pruner.prune(chain, through: through, checkpointFirst: true) { _ in } }
    }

    func failed(_ what: StaticString, label: ChainLabel, _ failure: PublishingFailure) {
        if case .busy = failure { return }
        counters.failures += 1
        var log = Log("publishing-failed")
        log.field("step", "\(what)")
        log.field("chain", octets: label.octets)
        log.field("reason", failure.description)
        log.write()
    }

    func batch(_ chain: ChainPublisher, _ sequence: UInt64) -> StoredBatch? {
        backend.stored(BatchName(label: chain.label, sequence: sequence).octets)
    }

    // MARK: Space

    /// Keeps the directory within the quota: removes the oldest readings before `octets` more are stored.
    func makeRoom(for octets: Int, then proceed: @escaping () -> Void) {
        guard backend.totalOctets + Int64(octets) > quota else { return proceed() }
        let target = quota - quota / Int64(ChainPosition.share)
        remove(octets: backend.totalOctets + Int64(octets) - target, checkpointFirst: true) { _ in proceed() }
    }

    /// The disk is full: removes the oldest readings, at least the given octets and 64 KiB. `done` gets whether anything went.
    func freeSpace(atLeast octets: Int, done: @escaping (Bool) -> Void) {
        remove(octets: Int64(octets) + 65_536, checkpointFirst: false, done: done)
    }

    /// Removes batches of the chain whose oldest batch is the oldest of all, until enough went or only newest ones are left.
    private func remove(octets: Int64, checkpointFirst: Bool, done: @escaping (Bool) -> Void) {
        guard octets > 0, let chain = chainWithOldestBatch() else { return done(false) }
        var rest = octets
        var through = chain.position.oldest
        for sequence in chain.position.oldest..<chain.position.newest {
            guard let next = batch(chain, sequence) else { continue }
            through = sequence
            rest -= next.octets
            if rest <= 0 { break }
        }
        let before = chain.position.count
        pruner.prune(chain, through: through, checkpointFirst: checkpointFirst) { [unowned(unsafe) self] removed in
            counters.batchesRemovedForSpace += before - chain.position.count
            guard removed else { return done(false) }
            if rest > 0 { remove(octets: rest, checkpointFirst: checkpointFirst) { _ in done(true) } } else { done(true) }
        }
    }

    private func chainWithOldestBatch() -> ChainPublisher? {
        var oldest: (chain: ChainPublisher, time: Int64)?
        for chain in chains where chain.position.oldest < chain.position.newest {
            var sequence = chain.position.oldest
            var found = batch(chain, sequence)
            while found == nil, sequence + 1 < chain.position.newest { sequence += 1; found = batch(chain, sequence) }
            guard let found else { continue }
            if let best = oldest, best.time <= found.modificationTime { continue }
            oldest = (chain, found.modificationTime)
        }
        return oldest?.chain
    }
}
