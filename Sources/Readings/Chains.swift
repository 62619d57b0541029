import Board
import System

/// Every chain that the node's own directory holds, found by names.
///
/// What is kept in memory is one small object a chain; the batches themselves are looked up in the content index, which is
/// in the order of names: the batches of a chain lie there in the order of their sequence.
final class Chains {
    private let backend: any PublishingBackend
    private let sensors, absent: [Sensor]
    private(set) var all: [Chain] = []

    /// - Parameters sensors, absent: those of the board: their retention counts.
    init(sensors: [Sensor], absent: [Sensor], backend: any PublishingBackend) {
        self.sensors = sensors
        self.absent = absent
        self.backend = backend
    }

    /// Finds them: one pass over the names that begin like a batch's. Beyond `Bounds.chains` they are left alone.
    func discover() {
        var last: Chain?
        var isFull = false
        backend.forEachStored(from: Array<UInt8>("r-")) { name, batch in
            guard name.count > 1, name[0] == 0x72, name[1] == 0x2D else { return false }
            guard let parts = BatchName.parts(name) else { return true }
            if last.map({ $0.label.octets.elementsEqual(parts.label) }) != true { last = find(parts.label) }
            if last == nil {
                guard all.count < Bounds.chains else { isFull = true; return true }
                last = add(ChainLabel(parts.label), ChainPosition())
            }
            last?.position.found(sequence: parts.sequence, sum: batch.sum, octets: batch.octets)
            return true
        }
        guard isFull else { return }
        var log = Log("too-many-chains")
        log.field("limit", Bounds.chains)
        log.write()
    }

    private func find(_ label: some Collection<UInt8>) -> Chain? { all.first { $0.label.octets.elementsEqual(label) } }

    private func add(_ label: ChainLabel, _ position: ChainPosition) -> Chain {
        let name = Array(label.sensor)
        let chain = Chain(label: label, retention: retention(name, sensors) ?? retention(name, absent) ?? .standard, position: position)
        all.append(chain)
        return chain
    }

    @inline(never) private func retention(_ name: [UInt8], _ sensors: [Sensor]) -> Retention? {
        for index in sensors.indices where ChainLabel(sensor: sensors[index].name).octets == name { return sensors[index].retention }
        return nil
    }

    /// The chain with that label, a new one when there is none.
    func chain(_ label: ChainLabel) -> Chain { find(label.octets) ?? add(label, position(of: label)) }

    /// Forgets a chain that turned out to be none of ours.
    func forget(_ chain: Chain) { all.removeAll { $0 === chain } }

    // MARK: Batches

    /// The first batch of a chain that is there, from a sequence on.
    @inline(never) func next(_ label: ChainLabel, from sequence: UInt64) -> ChainedBatch? {
        var found: ChainedBatch?
        forEach(label, from: sequence) { found = $0; return false }
        return found
    }

    /// Where a chain stands.
    func position(of label: ChainLabel) -> ChainPosition {
        var position = ChainPosition()
        forEach(label, from: 1) {
            position.found(sequence: $0.sequence, sum: $0.stored.sum, octets: $0.stored.octets)
            return true
        }
        return position
    }

    /// Calls `body` with the batches of a chain in the order of their sequence until it returns false.
    func forEach(_ label: ChainLabel, from sequence: UInt64, _ body: (ChainedBatch) -> Bool) {
        let first = BatchName(label: label, sequence: sequence).octets, digits = 2 + label.octets.count + 1
        backend.forEachStored(from: first) { name, batch in
            // Behind the digits come no more batches of it: `r-<label>-` itself is the beginning of other labels.
            guard name.count > digits, name[..<digits].elementsEqual(first[..<digits]), name[digits] <= 0x39 else { return false }
            guard let parts = BatchName.parts(name), parts.label.count == label.octets.count else { return true }
            return body(ChainedBatch(sequence: parts.sequence, stored: batch))
        }
    }

    // MARK: What must go

    /// Octets of the batches of all chains.
    var octets: Int64 {
        var octets: Int64 = 0
        for chain in all { octets += chain.position.octets }
        return octets
    }

    /// Chooses what retention by count, octets and age removes from each chain. Returns whether anything must go.
    func chooseExpired(now: Int64?, sinceBoot: Int64) -> Bool {
        var isAny = false
        for chain in all where chain.retryTime <= sinceBoot {
            if chain.removal == nil, expired(chain, now: now) != nil {
                // Another program may have removed some: then it is not as much as it seems.
                chain.position.recount(position(of: chain.label))
                chain.removal = expired(chain, now: now).map { Chain.Removal(through: $0.sequence, sum: $0.stored.sum) }
            }
            if chain.removal != nil { isAny = true }
        }
        return isAny
    }

    private func expired(_ chain: Chain, now: Int64?) -> ChainedBatch? {
        guard chain.position.count > 1 else { return nil }
        return chain.position.expired(by: chain.retention, now: now) { next(chain.label, from: $0) }
    }

    /// Chooses the oldest batches of all chains until `octets` go; the newest of each chain stays. Returns whether any can go.
    func chooseOldest(octets: Int64, sinceBoot: Int64) -> Bool {
        var rest = octets
        for chain in all where chain.retryTime <= sinceBoot { advance(chain, from: chain.position.oldest) }
        while rest > 0, let chain = oldest(), let batch = chain.candidate {
            chain.removal = Chain.Removal(through: batch.sequence, sum: batch.stored.sum)
            rest -= batch.stored.octets
            advance(chain, from: batch.sequence + 1)
        }
        for chain in all { chain.candidate = nil }
        return rest < octets
    }

    /// What failed may be tried again at once.
    func forgetFailures() {
        for chain in all { chain.retryTime = 0 }
    }

    private func advance(_ chain: Chain, from sequence: UInt64) {
        chain.candidate = next(chain.label, from: sequence).flatMap { $0.sequence < chain.position.newest ? $0 : nil }
    }

    private func oldest() -> Chain? {
        var best: (chain: Chain, time: Int64)?
        for chain in all {
            guard let time = chain.candidate?.stored.modificationTime else { continue }
            if let best, best.time <= time { continue }
            best = (chain, time)
        }
        return best?.chain
    }

    /// When something must go next, in nanoseconds since boot, if nothing is published before.
    func nextExpiry(now: Int64?, sinceBoot: Int64, agesFrom: Int64) -> Int64? {
        var earliest: Int64?
        for chain in all {
            var due: Int64?
            if chain.retryTime > sinceBoot { due = chain.retryTime } else if let now, chain.position.count > 1,
                let first = next(chain.label, from: chain.position.oldest), first.sequence < chain.position.newest,
                let expiry = chain.retention.expiry(first.stored) {
                // Beyond 70 years nobody waits.
                due = max(agesFrom, sinceBoot + min(max(expiry - now, 0) + 1, 1 << 61))
            }
            guard let due else { continue }
            earliest = min(earliest ?? .max, due)
        }
        return earliest
    }
}
