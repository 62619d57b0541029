import Board
import System
import Testing
@testable import Readings

/// R9: retention by age, by one timer for all chains.
@Suite struct AgeTests {
    static let day = 86_400 * nanosecondsPerSecond, hour = 3600 * nanosecondsPerSecond
    static func sensor(_ name: String = "t", days: Int = 1) -> Sensor {
        Sample.sensor(name, batch: 1, retention: Retention(count: 1000, days: days, octets: 1 << 30))
    }
    static func count(_ bench: Bench, _ chain: String = "t") -> Int { bench.backend.files.keys.filter { $0.hasPrefix("r-\(chain)-") }.count }

    @Test("R9: a silent sensor's batches become too old too; no wake-up before, none after") func silentSensor() throws {
        let bench = Bench([Self.sensor()])
        for value in 1...3 { bench.read(Int64(value)) }
        let first = try #require(bench.backend.files["r-t-000000000001.json.pgp"]).batch.modificationTime
        let due = bench.backend.simulated.sinceBoot + first + Self.day + Self.hour - bench.backend.simulated.realtime
        #expect(bench.loop.nextDeadline == due + 1)
        bench.wait(due - bench.backend.simulated.sinceBoot)
        #expect(Self.count(bench) == 3)
        bench.wait(1)
        #expect(Self.count(bench) == 1 && bench.publisher.counters.batchesRemoved == 2, "an hour's worth at once, the newest stays")
        #expect(bench.backend.text("checkpoint-t.json.pgp").contains("\"removedThrough\":2"))
        #expect(bench.loop.nextDeadline == nil)
    }

    @Test("R9: one timer, for the chain that is next; a removed sensor's chain by the default") func oneTimer() {
        let before = Bench([Self.sensor("gone"), Self.sensor("t", days: 40), Self.sensor("u", days: 35)])
        for sensor in 0..<3 { before.read(1, sensor: sensor); before.read(2, sensor: sensor) }
        let bench = Bench([Self.sensor("t", days: 40), Self.sensor("u", days: 35)]) { $0.continues(before.backend) }
        bench.wait(30 * Self.day + Self.hour)
        #expect(Self.count(bench, "gone") == 1 && Self.count(bench) == 2)
        #expect(bench.backend.files["checkpoint-gone.json.pgp"] != nil)
        bench.wait(5 * Self.day)
        #expect(Self.count(bench, "u") == 1 && Self.count(bench) == 2)
        bench.wait(5 * Self.day)
        #expect(Self.count(bench) == 1 && bench.loop.nextDeadline == nil)
    }

    @Test("R9: an absent sensor keeps its own retention") func absentSensor() {
        let before = Bench([Self.sensor("away", days: 60)])
        before.read(1); before.read(2)
        let bench = Bench([Self.sensor()], absent: [Self.sensor("away", days: 60)]) { $0.continues(before.backend) }
        bench.wait(59 * Self.day)
        #expect(Self.count(bench, "away") == 2)
        bench.wait(2 * Self.day)
        #expect(Self.count(bench, "away") == 1)
    }

    @Test("R9: when the clock jumps back nothing goes; ahead, not before it has stayed there for half a day") func clockJumps() {
        let bench = Bench([Self.sensor()])
        bench.read(1); bench.read(2)
        bench.backend.simulated.realtime -= 10 * Self.day
        bench.publisher.clockChanged()
        bench.wait(2 * Self.day)
        #expect(Self.count(bench) == 2)
        bench.backend.simulated.realtime += 10 * Self.day
        bench.publisher.clockChanged()
        bench.wait(12 * Self.hour - 1)
        #expect(Self.count(bench) == 2)
        bench.wait(1)
        #expect(Self.count(bench) == 1)
    }

    @Test("R9: a clock that was years ahead for some hours has removed nothing, nor one that is so at the start") func clockIsSetRightAgain() {
        let before = Bench([Self.sensor()])
        before.read(1); before.read(2)
        let bench = Bench([Self.sensor()]) { $0.continues(before.backend); $0.simulated.realtime += 3000 * Self.day }
        for _ in 0..<2 {
            bench.wait(11 * Self.hour)
            bench.backend.simulated.realtime -= 3000 * Self.day
            bench.publisher.clockChanged()
            bench.wait(Self.hour)
            #expect(Self.count(bench) == 2)
            bench.backend.simulated.realtime += 3000 * Self.day
            bench.publisher.clockChanged()
        }
        #expect(Self.count(bench) == 2)
    }

    @Test("R9: nothing is too old while the clock is unset, and no timer runs") func clockIsUnset() {
        let bench = Bench([Self.sensor()])
        bench.read(1); bench.read(2)
        let actual = bench.backend.simulated.realtime
        bench.backend.simulated.realtime = 0
        bench.publisher.clockChanged()
        #expect(bench.loop.nextDeadline == nil)
        bench.wait(100 * Self.day)
        bench.read(3)
        #expect(Self.count(bench) == 3 && bench.loop.nextDeadline == nil)
        bench.backend.simulated.realtime = actual + 100 * Self.day
        bench.publisher.clockChanged()
        bench.wait(12 * Self.hour)
        #expect(Self.count(bench) == 1)
    }

    @Test("R9: what was published with the clock unset is of unknown age until its files get other times") func unknownAge() {
        let bench = Bench([Self.sensor()]) { $0.simulated.realtime = 0 }
        for value in 1...3 { bench.read(Int64(value)) }
        bench.backend.simulated.realtime = 3000 * Self.day
        bench.publisher.clockChanged()
        bench.read(4)
        #expect(Self.count(bench) == 4 && bench.loop.nextDeadline == nil, "they are minutes old, not 2,000 days")
        for sequence in 1...3 {
            let name = "r-t-00000000000\(sequence).json.pgp", file = bench.backend.files[name]!
            let batch = StoredBatch(octets: file.batch.octets, modificationTime: 3000 * Self.day, sum: file.batch.sum)
            bench.backend.files[name] = (file.message, batch)
        }
        bench.publisher.clockChanged()
        #expect(Self.count(bench) == 4 && bench.loop.nextDeadline != nil)
        bench.wait(Self.day + Self.hour + 2 * nanosecondsPerSecond)
        #expect(Self.count(bench) == 1)
    }

    @Test("what cannot be told is tried again in a minute, not at once") func failingCheckpoint() throws {
        let bench = Bench([Self.sensor()])
        bench.read(1); bench.read(2)
        bench.backend.signFailures = [.failed("gpg"), .busy]
        bench.wait(2 * Self.day)
        #expect(Self.count(bench) == 2 && bench.loop.nextDeadline == bench.backend.simulated.sinceBoot + 60 * nanosecondsPerSecond)
        bench.wait(60 * nanosecondsPerSecond)
        #expect(Self.count(bench) == 2)
        bench.wait(60 * nanosecondsPerSecond)
        #expect(Self.count(bench) == 1 && bench.loop.nextDeadline == nil)
    }

    @Test("a file from the far future is no reason to stop") func farFuture() {
        let bench = Bench([Self.sensor()])
        bench.read(1); bench.read(2)
        for name in bench.backend.files.keys {
            let file = bench.backend.files[name]!
            bench.backend.files[name] = (file.message, StoredBatch(octets: file.batch.octets, modificationTime: .max, sum: file.batch.sum))
        }
        bench.read(3)
        #expect(Self.count(bench) == 3)
    }
}
