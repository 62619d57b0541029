import Board
import System

/// Publishes the readings of one sensor for its audience: collects a batch, has it signed and stored, keeps the chain.
///
/// One batch of a chain is under way at a time, because each names the SHA-256 of the file before it. What cannot be
/// published (a full disk, a read-only one, gpg failing) stays in memory and is tried again with the next reading;
/// beyond two batches and 16 readings the oldest are dropped and counted.
final class ChainPublisher {
    private enum Phase { case idle, signing, storing }

    /// A signed batch that is not stored yet: its octets stay the same however often storing is tried.
    private struct Signed {
        let sequence: UInt64
        let message: [UInt8]
        let readings: [Reading]
    }

    let sensor: Sensor
    private unowned(unsafe) let publisher: ReadingsPublisher
    /// Nil until it is known where the chain stands.
    private(set) var chain: Chain?
    private var pending: [Reading] = []
    private var lastKept: Result<Int64, Fault>?
    private var phase = Phase.idle
    private var signed: Signed?
    /// Readings at the front of `pending` that are being signed.
    private var underWay = 0
    /// The latest sequence whose name somebody else has taken.
    private var taken: UInt64 = 0

    init(sensor: Sensor, publisher: ReadingsPublisher) {
        self.sensor = sensor
        self.publisher = publisher
    }

    /// Nothing is waiting or under way.
    var isIdle: Bool { pending.isEmpty && signed == nil && phase == .idle }
    private var bound: Int { 2 * sensor.batch + 16 }

    // MARK: Collecting

    /// Takes a reading; one that differs less than the dead-band from the last one kept is dropped.
    func record(_ reading: Reading) {
        if isInDeadBand(reading.result) { return flushWhenOld(reading) }
        lastKept = reading.result
        if pending.count >= bound {
            pending.remove(at: underWay)
            publisher.counters.readingsDropped += 1
        }
        pending.append(reading)
        publisher.counters.readings += 1
        if chain == nil { publisher.resolveAgain() }
        // A batch that could not be stored is tried again with every reading, not only when the next one is full.
        if signed != nil || batchLength() > 0 { advance() }
    }

    private func isInDeadBand(_ result: Result<Int64, Fault>) -> Bool {
        guard sensor.deadBand > 0, let lastKept else { return false }
        switch (lastKept, result) {
        case (.success(let old), .success(let new)): return (old > new ? old - new : new - old) < sensor.deadBand
        case (.failure(let old), .failure(let new)): return old == new
        default: return false
        }
    }

    /// A batch that the dead-band keeps from filling is published when a full one would have been.
    private func flushWhenOld(_ reading: Reading) {
        guard let first = pending.first else { return }
        if reading.sinceBoot - first.sinceBoot >= sensor.period * Int64(sensor.batch) { advance(partial: true) }
    }

    /// How many of the pending readings make the next batch, 0 when they do not fill one. A batch is of one state of the
    /// clock, so a change of state ends it early.
    private func batchLength(partial: Bool = false) -> Int {
        guard let first = pending.first else { return 0 }
        let limit = min(pending.count, sensor.batch)
        for index in 1..<max(limit, 1) where (pending[index].time == nil) != (first.time == nil) { return index }
        if limit == sensor.batch || partial { return limit }
        if let last = pending.last, last.sinceBoot - first.sinceBoot >= sensor.period * Int64(sensor.batch) { return limit }
        return 0
    }

    // MARK: Publishing

    /// Publishes what is pending, a batch that is not full too.
    func flush() { advance(partial: true) }

    /// Publishes what is pending when it was taken in another state of the clock than the present one.
    func clockChanged(isSet: Bool) {
        if let first = pending.first, (first.time != nil) != isSet { advance(partial: true) }
    }

    /// The chain is known: publishing may begin.
    func resolved(_ chain: Chain) {
        chain.audience = sensor.audience
        chain.isCurrent = true
        self.chain = chain
        advance()
    }

    private func advance(partial: Bool = false) {
        guard phase == .idle, let chain else { return }
        if signed != nil { return store(chain) }
        let length = batchLength(partial: partial)
        if length > 0 { sign(length, chain) }
    }

    private func sign(_ length: Int, _ chain: Chain) {
        phase = .signing
        underWay = length
        let sequence = max(chain.position.newest, taken) + 1
        let document = publisher.document(chain, of: sensor, sequence: sequence, readings: pending[..<length])
        publisher.backend.sign(document, for: sensor.audience) { [unowned(unsafe) self] result in
            phase = .idle
            underWay = 0
            switch result {
            case .success(let message):
                signed = Signed(sequence: sequence, message: message, readings: Array(pending[..<length]))
                pending.removeFirst(length)
                store(chain)
            case .failure(let failure):
                publisher.failed("signing", label: chain.label, failure)
            }
        }
    }

    private func store(_ chain: Chain) {
        guard let batch = signed else { return }
        phase = .storing
        publisher.makeRoom(for: batch.message.count) { [unowned(unsafe) self] in
            let name = BatchName(label: chain.label, sequence: batch.sequence)
            publisher.backend.store(name.octets, batch.message, replacing: false) { [unowned(unsafe) self] result in
                stored(batch, chain, result)
            }
        }
    }

    private func stored(_ batch: Signed, _ chain: Chain, _ result: Result<StoredBatch, PublishingFailure>) {
        phase = .idle
        switch result {
        case .success(let stored):
            signed = nil
            chain.position.published(sequence: batch.sequence, sum: stored.sum, octets: stored.octets)
            publisher.published()
            advance()
        case .failure(.exists):
            // Somebody put a file of that name there: the chain goes on behind it, with the same readings.
            signed = nil
            pending.insert(contentsOf: batch.readings, at: 0)
            publisher.failed("storing", label: chain.label, .exists)
            taken = batch.sequence
        case .failure(.noSpace):
            publisher.failed("storing", label: chain.label, .noSpace)
            publisher.freeSpace(atLeast: batch.message.count) { [unowned(unsafe) self] freed in if freed { advance() } }
        case .failure(let failure):
            publisher.failed("storing", label: chain.label, failure)
        }
    }
}
