import Board
import OpenPGP
import System
import Testing
@testable import Readings

/// R11: chains that no sensor publishes into any more: of earlier audiences, of sensors that board.json does not name.
@Suite struct FormerChainTests {
    static let few = Retention(count: 3, days: 3650, octets: 1 << 30)
    static let many = Retention(count: 9000, days: 3650, octets: 1 << 30)
    /// One batch more than the default retention keeps, of a sensor that is gone.
    static nonisolated(unsafe) let thousand: Bench = {
        let bench = Bench([Sample.sensor("gone", batch: 1, audience: .group("viewers"), retention: many)])
        for value in 1...1001 { bench.read(Int64(value)) }
        return bench
    }()
    static func files(_ bench: Bench, _ prefix: String) -> Int { bench.backend.files.keys.filter { $0.hasPrefix(prefix) }.count }

    @Test("R11: an earlier audience's chain is under the sensor's retention, told to that audience") func earlierAudience() {
        let before = Bench([Sample.sensor(batch: 1, audience: .group("viewers"))])
        for value in 1...6 { before.read(Int64(value)) }
        let bench = Bench([Sample.sensor(batch: 1, retention: Self.few)]) { $0.continues(before.backend) }
        #expect(Self.files(bench, "r-t-") == 2 && bench.publisher.counters.batchesRemoved == 4)
        #expect(bench.backend.text("checkpoint-t.json.pgp").hasPrefix("group:viewers\n"))
        #expect(bench.backend.opened == ["r-t-000000000006.json.pgp"], "one file is opened, not each")
        bench.read(1)
        let label = ChainLabel(sensor: "t", audience: Array("public".utf8))
        #expect(bench.backend.text(BatchName(label: label, sequence: 1).octets.text).hasPrefix("public\n"))
    }

    @Test("R11: a removed sensor's chain opens one file when something goes, none before") func removedSensor() {
        let before = Self.thousand
        let bench = Bench([Sample.sensor()]) { $0.continues(before.backend) }
        #expect(bench.backend.opened == ["r-gone-000000001001.json.pgp"] && Self.files(bench, "r-gone-") == 900)
        let checkpoint = bench.backend.text("checkpoint-gone.json.pgp")
        #expect(checkpoint.contains("\"removedThrough\":101") && checkpoint.contains("gone"))
        let sum = SHA256Sum(of: before.backend.files["r-gone-000000000101.json.pgp"]!.message).hexadecimal.text
        #expect(checkpoint.contains(sum))
        let again = Bench([Sample.sensor()]) { $0.continues(bench.backend) }
        #expect(again.backend.opened.isEmpty && again.publisher.isIdle)
    }

    @Test("R11: a checkpoint for recipients who cannot be told from the file goes to those who are friends") func unreadable() {
        let before = Self.thousand
        let bench = Bench([Sample.sensor()]) {
            $0.continues(before.backend)
            $0.answers = [.unreadable(recipients: [Sample.fingerprint])]
        }
        #expect(bench.backend.text("checkpoint-gone.json.pgp").hasPrefix("fingerprints:\(Sample.fingerprint.hexadecimal.text)\n"))
        #expect(Self.files(bench, "r-gone-") == 900)
    }

    @Test("what only has a batch's name is left alone") func foreign() {
        let before = Self.thousand
        let bench = Bench([Sample.sensor(batch: 1)], quota: 1000) {
            $0.continues(before.backend)
            $0.answers = [.foreign]
        }
        bench.read(1); bench.read(2)
        #expect(Self.files(bench, "r-gone-") == 1001 && Self.files(bench, "r-t-") == 1 && bench.publisher.isIdle)
    }

    @Test("R11: what was more than the quota at the start goes without any sensor") func overQuotaAtStart() {
        let before = Bench([Sample.sensor("gone", batch: 1), Sample.sensor("away", batch: 1)])
        for value in 1...20 { before.read(Int64(value)); before.read(Int64(value), sensor: 1) }
        let quota = before.backend.totalOctets * 2 / 3
        let bench = Bench([], quota: quota) { $0.continues(before.backend) }
        #expect(bench.backend.totalOctets <= quota && bench.publisher.isIdle)
        let counters = bench.publisher.counters
        #expect(counters.batchesRemovedForSpace > 10 && counters.batchesRemoved == counters.batchesRemovedForSpace)
        let kept = SpaceTests.kept(bench)
        #expect(kept == Array(SpaceTests.kept(before).suffix(kept.count)))
    }

    @Test("R10: nothing is removed before it is known for whom checkpoints are") func friendsLoad() {
        let before = Self.thousand
        let bench = Bench([Sample.sensor(batch: 1)], quota: before.backend.totalOctets, friends: false) { $0.continues(before.backend) }
        bench.read(1)
        #expect(Self.files(bench, "r-gone-") == 1001 && Self.files(bench, "r-t-") == 0)
        bench.publisher.friendsAreLoaded()
        bench.backend.run()
        #expect(Self.files(bench, "r-gone-") < 1001 && Self.files(bench, "r-t-") == 1 && bench.publisher.isIdle)
        #expect(bench.backend.totalOctets <= before.backend.totalOctets)
    }

    @Test("R8: when gpg has no time at the start, the chain goes on later under its own name") func laterAtStart() {
        let before = Bench([Sample.sensor(batch: 1, audience: .group("viewers"))])
        before.read(1)
        let bench = Bench([Sample.sensor(batch: 1, audience: .group("viewers"))]) {
            $0.continues(before.backend)
            $0.answers = [.later]
        }
        bench.read(2); bench.read(3)
        #expect(Self.files(bench, "r-") == 3 && bench.backend.files["r-t-000000000003.json.pgp"] != nil)
    }

    @Test("more chains than are known: the others are left alone, the sensors' own work") func tooMany() {
        let bench = Bench([Sample.sensor("zz", batch: 1)]) {
            for number in 0..<Bounds.chains + 5 {
                for sequence: UInt64 in 1...2 {
                    let name = BatchName(label: ChainLabel(sensor: "a\(number)"), sequence: sequence).octets
                    let batch = StoredBatch(octets: 9, modificationTime: 2000 * AgeTests.day, sum: SHA256Sum(of: name))
                    $0.files[name.text] = (name, batch)
                    $0.audiences[name.text] = Array("public".utf8)
                }
            }
        }
        bench.read(1)
        #expect(bench.backend.files["r-zz-000000000001.json.pgp"] != nil && Self.files(bench, "r-a") == 2 * (Bounds.chains + 5))
    }

    @Test("batches far apart are found without looking for each number between") func sparse() {
        let bench = Bench([Sample.sensor(batch: 1, retention: Self.few)]) {
            for sequence: UInt64 in [1, 2, 900_000_000_000, 900_000_000_001] {
                let name = SpaceTests.name("t", sequence)
                $0.files[name] = ([1], StoredBatch(octets: 1, modificationTime: 2000 * AgeTests.day, sum: SHA256Sum(of: [1])))
                $0.audiences[name] = Array("public".utf8)
            }
        }
        #expect(SpaceTests.kept(bench).count == 2)
        bench.read(1)
        #expect(bench.backend.files[SpaceTests.name("t", 900_000_000_002)] != nil)
    }

    @Test("R10: on a full disk a checkpoint that finds no room is owed") func owedCheckpoint() {
        let bench = Bench([Sample.sensor(batch: 1)])
        for value in 1...3 { bench.read(Int64(value)) }
        bench.backend.storeFailures = [.noSpace, .noSpace]
        bench.read(4)
        #expect(Self.files(bench, "r-") == 2 && bench.backend.files["checkpoint-t.json.pgp"] == nil)
        bench.wait(60 * nanosecondsPerSecond)
        #expect(bench.backend.text("checkpoint-t.json.pgp").contains("\"removedThrough\":2") && bench.publisher.isIdle)
    }
}
