@testable import Board
import OpenPGP
import Readings
import System

final class SimulatedClock: Clock {
    var realtime: Int64 = 2_000 * 86_400 * nanosecondsPerSecond
    var sinceBoot: Int64 = 0
}

/// Signing and storing in memory: completions run in `run()`, in order, and can be made to fail.
final class MemoryBackend: PublishingBackend {
    let simulated = SimulatedClock()
    lazy var clock = NodeClock(clock: simulated, floor: 1000 * 86_400 * nanosecondsPerSecond)
    var files: [String: (message: [UInt8], batch: StoredBatch)] = [:]
    var events: [String] = []
    var signFailures: [PublishingFailure] = []
    var storeFailures: [PublishingFailure] = []
    var audiences: [String: [UInt8]] = [:]
    private var queue: [() -> Void] = []

    var totalOctets: Int64 { files.values.reduce(0) { $0 + $1.batch.octets } }
    func stored(_ name: [UInt8]) -> StoredBatch? { files[name.text]?.batch }
    func forEachStored(_ body: ([UInt8], StoredBatch) -> Void) {
        for (name, file) in files { body(Array(name.utf8), file.batch) }
    }
    func audience(ofBatch name: [UInt8], completion: @escaping ([UInt8]?) -> Void) {
        let audience = audiences[name.text]
        queue.append { completion(audience) }
    }
    func sign(_ document: [UInt8], for audience: Audience, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void) {
        if !signFailures.isEmpty { let failure = signFailures.removeFirst(); return queue.append { completion(.failure(failure)) } }
        queue.append { completion(.success(audience.canonical + [0x0A] + document)) }
    }
    func store(_ name: [UInt8], _ message: [UInt8], replacing: Bool, completion: @escaping (Result<StoredBatch, PublishingFailure>) -> Void) {
        if !storeFailures.isEmpty { let failure = storeFailures.removeFirst(); return queue.append { completion(.failure(failure)) } }
        queue.append { [self] in
            if files[name.text] != nil, !replacing { return completion(.failure(.exists)) }
            let batch = StoredBatch(octets: Int64(message.count), modificationTime: clock.now, sum: SHA256Sum(of: message))
            files[name.text] = (message, batch)
            audiences[name.text] = Array(message.prefix { $0 != 0x0A })
            events.append("store \(name.text)")
            completion(.success(batch))
        }
    }
    func remove(_ names: [[UInt8]], completion: @escaping (PublishingFailure?) -> Void) {
        queue.append { [self] in
            for name in names { files[name.text] = nil; events.append("remove \(name.text)") }
            completion(nil)
        }
    }
    /// Runs everything that waits.
    func run() {
        while !queue.isEmpty { queue.removeFirst()() }
    }
    func text(_ name: String) -> String { files[name]?.message.text ?? "" }
}

/// Boards for tests.
enum Sample {
    static let fingerprint = Fingerprint("0123456789abcdef0123456789abcdef01234567")!
    static let bootID = Array("6f2d3b7a-90c1-4e5d-8a17-2b64c0de91f3".utf8)

    static func sensor(_ name: String = "t", batch: Int = 2, deadBand: Int64 = 0, audience: Audience = .everyone,
                       retention: Retention = Retention(count: 1000, days: 3650, octets: 1 << 30)) -> Sensor {
        Sensor(name: name, title: "T", property: "temperature", unitCode: "CEL", unitText: "°C", minimum: nil, maximum: nil, marginOfError: nil,
               decimals: 1, source: .simulator(.constant, low: 0, high: 0, cycleSeconds: 1), isOptional: false,
               period: nanosecondsPerSecond, batch: batch, deadBand: deadBand, audience: audience, retention: retention)
    }
    static func board(_ sensors: [Sensor], quota: Int64 = 1 << 30) -> Board {
        Board(name: "B", description: "", model: "", sensors: sensors, actuators: [], quota: quota, versionCount: 16, versionOctets: 8 << 20)
    }
}

/// A publisher over memory, with a second passing at every reading.
final class Bench {
    let backend = MemoryBackend()
    let publisher: ReadingsPublisher
    init(_ sensors: [Sensor], quota: Int64 = 1 << 30, backend prepared: (MemoryBackend) -> Void = { _ in }) {
        prepared(backend)
        publisher = ReadingsPublisher(board: Sample.board(sensors, quota: quota), fingerprint: Sample.fingerprint, bootID: Sample.bootID, backend: backend)
        publisher.start()
        backend.run()
    }
    func read(_ value: Int64, sensor: Int = 0) { read(.success(value), sensor: sensor) }
    func read(_ result: Result<Int64, Fault>, sensor: Int = 0) {
        backend.simulated.sinceBoot += nanosecondsPerSecond
        backend.simulated.realtime += nanosecondsPerSecond
        let time = backend.clock.state == .set ? backend.clock.now : nil
        publisher.record(sensor: sensor, Reading(result: result, time: time, sinceBoot: backend.simulated.sinceBoot))
        backend.run()
    }
}
