import Board
import System
import Testing
@testable import Readings

@Suite struct ReadingsPublisherTests {
    static let first = "r-t-000000000001.json.pgp", second = "r-t-000000000002.json.pgp", third = "r-t-000000000003.json.pgp"

    @Test("R1, R6: batches are chained by the SHA-256 of the file before") func chain() {
        let bench = Bench([Sample.sensor()])
        for value in 1...6 { bench.read(Int64(value * 10)) }
        #expect(bench.backend.files.keys.sorted() == [Self.first, Self.second, Self.third])
        #expect(!bench.backend.text(Self.first).contains("previous"))
        for (name, before) in [(Self.second, Self.first), (Self.third, Self.second)] {
            let sum = SHA256Sum(of: bench.backend.files[before]!.message).hexadecimal.text
            #expect(bench.backend.text(name).contains("\"previous\":\"\(sum)\""))
        }
        #expect(bench.publisher.counters.batches == 3 && bench.publisher.isIdle)
    }

    @Test("R8: after a restart the chain goes on where it stands") func restart() {
        let bench = Bench([Sample.sensor()])
        for value in 1...4 { bench.read(Int64(value)) }
        let again = Bench([Sample.sensor()]) { $0.files = bench.backend.files; $0.audiences = bench.backend.audiences }
        for value in 1...2 { again.read(Int64(value)) }
        let sum = SHA256Sum(of: bench.backend.files[Self.second]!.message).hexadecimal.text
        #expect(again.backend.text(Self.third).contains("\"previous\":\"\(sum)\""))
    }

    @Test("R5: what cannot be signed waits; the oldest are dropped at the bound") func signingFails() {
        let bench = Bench([Sample.sensor(batch: 2)])
        bench.backend.signFailures = Array(repeating: .failed("gpg"), count: 30)
        for value in 1...25 { bench.read(Int64(value)) }
        #expect(bench.backend.files.isEmpty && bench.publisher.counters.readingsDropped == 5)
        bench.backend.signFailures = []
        bench.read(26)
        #expect(bench.publisher.isIdle && bench.publisher.counters.batches == 10)
        #expect(bench.backend.text(Self.first).contains("\"value\":0.7"), "1...6 were dropped")
    }

    @Test("R11: on a full disk the oldest go first, then the same octets are stored") func fullDisk() {
        let bench = Bench([Sample.sensor(batch: 1)])
        for value in 1...3 { bench.read(Int64(value)) }
        bench.backend.storeFailures = [.noSpace]
        bench.backend.events = []
        bench.read(4)
        #expect(bench.backend.events == ["remove \(Self.first)", "remove \(Self.second)", "store checkpoint-t.json.pgp", "store r-t-000000000004.json.pgp"])
        #expect(bench.publisher.counters.batchesRemovedForSpace == 2)
    }

    @Test("R5: a batch that could not be stored is tried again with the next reading") func storingIsTriedAgain() {
        let bench = Bench([Sample.sensor(batch: 3)])
        bench.backend.storeFailures = [.failed("read-only")]
        for value in 1...3 { bench.read(Int64(value)) }
        #expect(bench.backend.files.isEmpty)
        bench.read(4)
        #expect(!bench.backend.text(Self.first).isEmpty, "not only when the next batch is full")
    }

    @Test("R10: the checkpoint is durable before the first file goes") func retention() {
        let bench = Bench([Sample.sensor(batch: 1, retention: Retention(count: 3, days: 3650, octets: 1 << 30))])
        for value in 1...4 { bench.read(Int64(value)) }
        #expect(bench.backend.events.suffix(3) == ["store checkpoint-t.json.pgp", "remove \(Self.first)", "remove \(Self.second)"])
        #expect(bench.backend.text("checkpoint-t.json.pgp").contains("\"removedThrough\":2"))
        for value in 5...40 { bench.read(Int64(value)) }
        #expect(bench.backend.files.keys.filter { $0.hasPrefix("r-") }.count <= 3)
    }

    @Test("R11: the quota holds over all chains, the oldest first") func quota() {
        let bench = Bench([Sample.sensor("t", batch: 1), Sample.sensor("u", batch: 1)], quota: 12_000)
        for value in 1...60 { bench.read(Int64(value)); bench.read(Int64(value), sensor: 1) }
        #expect(bench.backend.totalOctets <= 12_000 && bench.publisher.counters.batchesRemovedForSpace > 0)
        #expect(bench.backend.files["r-t-000000000060.json.pgp"] != nil && bench.backend.files["r-u-000000000060.json.pgp"] != nil)
    }

    @Test("R7: another audience gets a chain of its own, and the old one goes on when it comes back") func audienceChanges() throws {
        let bench = Bench([Sample.sensor(batch: 1)])
        bench.read(1); bench.read(2)
        let viewers = Bench([Sample.sensor(batch: 1, audience: .group("viewers"))]) { $0.files = bench.backend.files; $0.audiences = bench.backend.audiences }
        viewers.read(3)
        let label = ChainLabel(sensor: "t", audience: Array("group:viewers".utf8))
        let name = BatchName(label: label, sequence: 1).octets.text
        #expect(!viewers.backend.text(name).contains("previous") && !viewers.backend.text(name).isEmpty)
        let back = Bench([Sample.sensor(batch: 1)]) { $0.files = viewers.backend.files; $0.audiences = viewers.backend.audiences }
        back.read(4)
        #expect(!back.backend.text(Self.third).isEmpty)
    }

    @Test("R2: the dead-band drops what hardly differs, a batch still comes in time") func deadBand() {
        let bench = Bench([Sample.sensor(batch: 3, deadBand: 10)])
        bench.read(100); bench.read(105); bench.read(95)
        #expect(bench.backend.files.isEmpty && bench.publisher.counters.readings == 1)
        bench.read(101)
        #expect(bench.publisher.counters.batches == 1, "period x batch has passed")
        bench.read(.failure(.timedOut)); bench.read(.failure(.timedOut)); bench.read(.failure(.sourceMissing))
        #expect(bench.publisher.counters.readings == 3)
    }

    @Test("R3: a batch is of one state of the clock") func clockBecomesSet() {
        let bench = Bench([Sample.sensor(batch: 3)]) { $0.simulated.realtime = 0 }
        bench.read(1); bench.read(2)
        bench.backend.simulated.realtime = 3000 * 86_400 * nanosecondsPerSecond
        bench.read(3)
        #expect(bench.backend.text(Self.first).contains("clockUnset") && !bench.backend.text(Self.first).contains("observationDate"))
        bench.publisher.flush()
        bench.backend.run()
        #expect(bench.backend.text(Self.second).contains("clockSet") && bench.backend.text(Self.second).contains("observationDate"))
        #expect(bench.publisher.isIdle)
    }

    @Test("R3: what waits is published when the clock becomes set, in the dead-band too") func clockBecomesSetInTheDeadBand() {
        let bench = Bench([Sample.sensor(batch: 60, deadBand: 10)]) { $0.simulated.realtime = 0 }
        bench.read(1); bench.read(2)
        bench.publisher.clockChanged()
        bench.turn()
        #expect(bench.backend.files.isEmpty, "it is as unset as before")
        bench.backend.simulated.realtime = 3000 * 86_400 * nanosecondsPerSecond
        bench.publisher.clockChanged()
        bench.turn()
        #expect(bench.backend.text(Self.first).contains("clockUnset"))
    }

    @Test("a file that somebody put in the chain's place is stepped over") func nameIsTaken() {
        let bench = Bench([Sample.sensor(batch: 1)])
        let stray = Array("stray".utf8)
        bench.backend.files[Self.first] = (stray, StoredBatch(octets: 5, modificationTime: 1, sum: SHA256Sum(of: stray)))
        bench.read(1); bench.read(2)
        #expect(!bench.backend.text(Self.second).isEmpty && !bench.backend.text(Self.third).isEmpty)
    }
}
