import Board
import EventLoop
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
    /// Times that files other than batches began to take more than nine tenths of the quota.
    public var quotaTaken = 0
}

/// From readings to chains of signed batches, and from retention to signed checkpoints.
///
/// Every sensor publishes into its chain (`ChainPublisher`); this is what they share: the node's identity, the quota, retention
/// of every chain that the directory holds (`Chains`, `Pruner`), and the one timer for what becomes too old.
public final class ReadingsPublisher {
    let backend: any PublishingBackend
    private let fingerprint: Fingerprint
    private let bootID: [UInt8]
    private let quota: Int64
    private let loop: EventLoop
    private let chains: Chains
    private var publishers: [ChainPublisher] = []
    private lazy var pruner = Pruner(publisher: self, chains: chains)
    private lazy var timer = Timer { [unowned(unsafe) self] in examine() }
    /// What waits until the present removal is over: at most one for each sensor.
    private var waiting: [() -> Void] = []
    private var isStarted = false
    private var isResolving = false
    private var isQuotaTaken = false
    /// Nanoseconds since boot before which nothing goes for its age: the clock may be wrong, and be set right soon.
    private var agesFrom: Int64 = 0
    public var counters = ReadingsCounters()

    /// - Parameters:
    ///   - bootID: the kernel's boot id, 36 octets of text.
    ///   - loop: for the timer of retention by age.
    public init(board: Board, fingerprint: Fingerprint, bootID: [UInt8], backend: any PublishingBackend, loop: EventLoop) {
        self.backend = backend
        self.fingerprint = fingerprint
        self.bootID = bootID
        self.loop = loop
        quota = board.quota
        chains = Chains(sensors: board.sensors, absent: board.absentSensors, backend: backend)
        for sensor in board.sensors { publishers.append(ChainPublisher(sensor: sensor, publisher: self)) }
    }

    /// Finds out where every chain stands; call it once the index of the own directory is complete. Readings that came
    /// before wait. What is there beyond the quota, or too old, begins to go.
    public func start() {
        chains.discover()
        doubtClock()
        isStarted = true
        isResolving = true
        resolve(from: 0)
    }

    /// To be called, once or more, when it is known who the friends are: nothing is removed before, because checkpoints are for them.
    public func friendsAreLoaded() { pruner.start() }

    /// Takes a reading of the sensor with this index in the board.
    public func record(sensor index: Int, _ reading: Reading) { publishers[index].record(reading) }

    /// Publishes batches that are not full, before the node ends.
    public func flush() {
        for publisher in publishers { publisher.flush() }
    }

    /// To be called when the clock was set, and when files have new modification times: both change what is too old, and when.
    public func clockChanged() {
        doubtClock()
        for publisher in publishers { publisher.clockChanged(isSet: setTime != nil) }
        examine()
    }

    /// Nothing waits to be published.
    public var isIdle: Bool {
        for publisher in publishers where !publisher.isIdle { return false }
        return !pruner.isBusy || !pruner.isStarted
    }

    /// Nothing is under way, now or by itself later: after `close` this object may go.
    public var isAtRest: Bool { isIdle && !isResolving && pruner.isStarted && waiting.isEmpty }

    /// Removes nothing more by itself.
    public func close() { loop.cancel(timer) }

    // MARK: Which chain is a sensor's

    /// Asks again for what could not be told at the start.
    func resolveAgain() {
        guard isStarted, !isResolving else { return }
        isResolving = true
        resolve(from: 0)
    }

    /// One after the other, so that other operations find room in gpg's queue.
    private func resolve(from index: Int) {
        guard index < publishers.count else {
            isResolving = false
            return examine()
        }
        if publishers[index].chain != nil { return resolve(from: index + 1) }
        resolve(publishers[index]) { [unowned(unsafe) self] in resolve(from: index + 1) }
    }

    /// The plain label belongs to the sensor's first audience. When the newest batch under it is for another one, the
    /// chain of this audience has a label of its own, and its own sequence from 1.
    private func resolve(_ publisher: ChainPublisher, then proceed: @escaping () -> Void) {
        let plain = chains.chain(ChainLabel(sensor: publisher.sensor.name))
        guard plain.position.count > 0 else {
            publisher.resolved(plain)
            return proceed()
        }
        let audience = publisher.sensor.audience.canonical
        backend.audience(ofBatch: plain.newestName) { [unowned(unsafe) self] answer in
            if case .told(let found) = answer { plain.audience = found }
            if case .later = answer {} else if plain.audience?.canonical == audience {
                publisher.resolved(plain)
            } else {
                publisher.resolved(chains.chain(ChainLabel(sensor: publisher.sensor.name, audience: audience)))
            }
            proceed()
        }
    }

    // MARK: For the chains

    /// The document of the next batch of a chain.
    func document(_ chain: Chain, of sensor: Sensor, sequence: UInt64, readings: ArraySlice<Reading>) -> [UInt8] {
        ReadingBatchDocument(fingerprint: fingerprint, sensor: sensor, chain: chain.label.octets, sequence: sequence,
                             previous: chain.position.newestSum, bootID: bootID, clock: readings.first?.time == nil ? .unset : .set)
            .octets(readings: readings)
    }

    /// The checkpoint of a chain.
    func checkpoint(_ label: ChainLabel, _ audience: Audience, through sequence: UInt64, sum: SHA256Sum) -> [UInt8] {
        CheckpointDocument(fingerprint: fingerprint, sensorName: Array(label.sensor).text, chain: label.octets, audience: audience,
                           removedThrough: sequence, removedThroughSum: sum, modified: setTime).octets
    }

    func published() {
        counters.batches += 1
        examine()
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

    // MARK: Retention

    /// Nanoseconds since 1970, or nil while the clock is unset: then nothing is too old.
    private var setTime: Int64? { backend.clock.state == .set ? backend.clock.now : nil }

    private func doubtClock() { agesFrom = backend.clock.sinceBoot + Retention.doubt }

    /// Removes what retention does not allow; when there is nothing, waits until the next batch is too old.
    private func examine() {
        guard isStarted, !isResolving, !pruner.isBusy else { return }
        let now = setTime, sinceBoot = backend.clock.sinceBoot
        if chains.chooseExpired(now: sinceBoot < agesFrom ? nil : now, sinceBoot: sinceBoot) { return pruner.begin(checkpointFirst: true) { _ in } }
        // More than the quota by what was there at the start, or by what others put there.
        let excess = excess()
        if excess > 0, removeOldest(octets: excess, checkpointFirst: true, done: { _ in }) { return }
        if let next = chains.nextExpiry(now: now, sinceBoot: sinceBoot, agesFrom: agesFrom) { loop.schedule(timer, at: next) } else { loop.cancel(timer) }
    }

    func prunerIsIdle() {
        while !pruner.isBusy, !waiting.isEmpty { waiting.removeFirst()() }
        examine()
    }

    /// Keeps the directory within the quota, or what batches always have: removes the oldest readings before `octets` more are stored.
    func makeRoom(for octets: Int, then proceed: @escaping () -> Void) {
        let excess = excess(with: Int64(octets))
        guard excess > 0 else { return proceed() }
        if pruner.isBusy { return waiting.append { [unowned(unsafe) self] in makeRoom(for: octets, then: proceed) } }
        if !removeOldest(octets: excess, checkpointFirst: true, done: { _ in proceed() }) { proceed() }
    }

    /// The disk is full: removes the oldest readings, at least the given octets and 64 KiB. `done` gets whether anything went.
    func freeSpace(atLeast octets: Int, done: @escaping (Bool) -> Void) {
        if pruner.isBusy { return waiting.append { [unowned(unsafe) self] in freeSpace(atLeast: octets, done: done) } }
        if !removeOldest(octets: Int64(octets) + 65_536, checkpointFirst: false, done: done) { done(false) }
    }

    /// How much must go before `octets` more are stored; 0 when there is room for them.
    ///
    /// Batches have a tenth of the quota whatever else is there: removing them all would not mend it, and cost a checkpoint for
    /// every batch. When there is no room left a tenth of the quota goes, but never more than half of what batches have.
    private func excess(with octets: Int64 = 0) -> Int64 {
        let share = quota / Int64(Retention.share), batches = chains.octets, others = backend.totalOctets - batches
        noteOthers(others, least: share)
        let room = max(quota - others, share), rest = room - batches - octets
        return rest < 0 ? min(share, room / 2) - rest : 0
    }

    /// Logs once when files that are no batches leave less than a tenth of the quota; it is over when a fifth is left.
    private func noteOthers(_ others: Int64, least share: Int64) {
        let wasTaken = isQuotaTaken
        isQuotaTaken = others > quota - (wasTaken ? 2 * share : share)
        guard isQuotaTaken, !wasTaken else { return }
        counters.quotaTaken += 1
        var log = Log("quota-taken")
        log.field("octets", Int(truncatingIfNeeded: others))
        log.write()
    }

    /// Begins to remove the oldest readings of all chains; false when there is nothing that may go.
    private func removeOldest(octets: Int64, checkpointFirst: Bool, done: @escaping (Bool) -> Void) -> Bool {
        if !chains.chooseOldest(octets: octets, sinceBoot: backend.clock.sinceBoot) {
            // On a full disk a checkpoint may just have failed for want of the room that is to be made.
            guard !checkpointFirst else { return false }
            chains.forgetFailures()
            guard chains.chooseOldest(octets: octets, sinceBoot: backend.clock.sinceBoot) else { return false }
        }
        pruner.begin(checkpointFirst: checkpointFirst) { [unowned(unsafe) self] removed in
            counters.batchesRemovedForSpace += removed
            done(removed > 0)
        }
        return true
    }
}
