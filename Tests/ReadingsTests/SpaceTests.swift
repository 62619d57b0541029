import Board
import System
import Testing
@testable import Readings

/// R11: room is made over all chains, those that nothing is added to any more included.
@Suite struct SpaceTests {
    /// The batches of a bench, oldest first, as `chain sequence`.
    static func kept(_ bench: Bench) -> [String] {
        bench.backend.files.filter { $0.key.hasPrefix("r-") }.sorted { $0.value.batch.modificationTime < $1.value.batch.modificationTime }.map { $0.key }
    }
    static func name(_ chain: String, _ sequence: UInt64) -> String { BatchName(label: ChainLabel(sensor: chain), sequence: sequence).octets.text }

    @Test("R11: the oldest go first, whichever chain they are of") func oldestOfAllChains() throws {
        let bench = Bench([Sample.sensor("t", batch: 1), Sample.sensor("u", batch: 1)], quota: 24_000)
        var all: [String] = []
        for value in 1...60 where bench.publisher.counters.batchesRemovedForSpace == 0 {
            for (sensor, chain) in ["t", "u"].enumerated() {
                bench.read(Int64(value), sensor: sensor)
                all.append(Self.name(chain, UInt64(value)))
            }
        }
        let kept = Self.kept(bench)
        #expect(bench.publisher.counters.batchesRemovedForSpace > 2 && kept == Array(all.suffix(kept.count)))
        #expect(bench.backend.files["checkpoint-t.json.pgp"] != nil && bench.backend.files["checkpoint-u.json.pgp"] != nil)
    }

    @Test("R11: the chain of a sensor that board.json no longer names gives way first") func removedSensor() {
        let before = Bench([Sample.sensor("gone", batch: 1, audience: .group("viewers"))])
        for value in 1...20 { before.read(Int64(value)) }
        let quota = before.backend.totalOctets + 1500
        let bench = Bench([Sample.sensor("t", batch: 1)], quota: quota) { $0.continues(before.backend) }
        for value in 1...5 { bench.read(Int64(value)) }
        #expect(bench.backend.totalOctets <= quota && bench.publisher.counters.batchesRemovedForSpace > 0)
        #expect(bench.backend.files[Self.name("gone", 1)] == nil && bench.backend.files[Self.name("gone", 20)] != nil)
        #expect(bench.backend.files[Self.name("t", 1)] != nil, "the oldest of all were those of the other chain")
        let checkpoint = bench.backend.text("checkpoint-gone.json.pgp")
        #expect(checkpoint.hasPrefix("group:viewers\n") && checkpoint.contains("\"removedThrough\":"))
    }

    @Test("R11: a batch that comes while another one's room is being made waits for it") func twoAtOnce() {
        let sensors = [Sample.sensor("t", batch: 1), Sample.sensor("u", batch: 1)]
        let before = Bench(sensors)
        for value in 1...20 { before.read(Int64(value)); before.read(Int64(value), sensor: 1) }
        let quota = before.backend.totalOctets + 400
        let bench = Bench(sensors, quota: quota) { $0.continues(before.backend) }
        var largest: Int64 = 0
        bench.backend.willStore = { largest = max(largest, bench.backend.totalOctets + $0) }
        for sensor in 0..<2 {
            bench.publisher.record(sensor: sensor, Reading(result: .success(1), time: bench.backend.clock.now, sinceBoot: 0))
        }
        bench.backend.run()
        bench.backend.willStore = { _ in }
        #expect(bench.backend.files[Self.name("t", 21)] != nil && bench.backend.files[Self.name("u", 21)] != nil)
        #expect(largest > 0 && largest <= quota)
    }

    @Test("R11: a full disk does not wait until a checkpoint that found no room is tried again") func fullDiskAfterFailure() {
        let bench = Bench([Sample.sensor(batch: 1, retention: Retention(count: 3, days: 3650, octets: 1 << 30))])
        for value in 1...3 { bench.read(Int64(value)) }
        // The fourth finds room, the checkpoint of retention and the fifth do not.
        bench.backend.storeFailures = [nil, .noSpace, .noSpace]
        bench.read(4); bench.read(5)
        #expect(Self.kept(bench) == [Self.name("t", 4), Self.name("t", 5)] && bench.publisher.isIdle)
        #expect(bench.backend.text("checkpoint-t.json.pgp").contains("\"removedThrough\":3"))
    }

    @Test("a file that the index does not show is stepped over too") func nameIsTakenByNobodys() {
        let bench = Bench([Sample.sensor(batch: 1)])
        bench.backend.unlisted = [Self.name("t", 1)]
        for value in 1...3 { bench.read(Int64(value)) }
        #expect(bench.backend.files[Self.name("t", 2)] != nil && bench.publisher.isIdle)
    }
}
