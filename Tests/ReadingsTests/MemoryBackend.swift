@testable import Board
import EventLoop
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
    var files: [String: (message: [UInt8], batch: StoredBatch)] = [:] { didSet { ordered = nil } }
    /// Octets of a batch that is about to be stored.
    var willStore: (Int64) -> Void = { _ in }
    private var ordered: [String]?
    var events: [String] = []
    var signFailures: [PublishingFailure] = []
    /// Of the next stores; nil for one that works.
    var storeFailures: [PublishingFailure?] = []
    var audiences: [String: [UInt8]] = [:]
    /// Files that are there and that the index does not show.
    var unlisted: Set<String> = []
    /// Batches that were opened to learn their audience, and answers other than the right one.
    var opened: [String] = []
    var answers: [BatchAudience] = []
    /// Whether files get the clock's time: not while it is unset.
    var isTimed: Bool { clock.state == .set }
    private var queue: [() -> Void] = []

    var totalOctets: Int64 { files.values.reduce(0) { $0 + $1.batch.octets } }
    func forEachStored(from first: [UInt8], _ body: (UnsafeRawBufferPointer, StoredBatch) -> Bool) {
        let names = ordered ?? files.keys.sorted(), text = first.text
        ordered = names
        var low = 0, high = names.count
        while low < high { if names[(low + high) / 2] < text { low = (low + high) / 2 + 1 } else { high = (low + high) / 2 } }
        for name in names[low...] {
            guard let file = files[name], Array(name.utf8).withUnsafeBytes({ body($0, file.batch) }) else { return }
        }
    }
    func audience(ofBatch name: BatchName, completion: @escaping (BatchAudience) -> Void) {
        opened.append(name.octets.text)
        if !answers.isEmpty { let answer = answers.removeFirst(); return queue.append { completion(answer) } }
        let audience = audiences[name.octets.text].flatMap { Audience(canonical: $0.text) }
        queue.append { completion(audience.map { .told($0) } ?? .foreign) }
    }
    func sign(_ document: [UInt8], for audience: Audience, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void) {
        if !signFailures.isEmpty { let failure = signFailures.removeFirst(); return queue.append { completion(.failure(failure)) } }
        queue.append { completion(.success(audience.canonical + [0x0A] + document)) }
    }
    func store(_ name: [UInt8], _ message: [UInt8], replacing: Bool, completion: @escaping (Result<StoredBatch, PublishingFailure>) -> Void) {
        if !storeFailures.isEmpty, let failure = storeFailures.removeFirst() { return queue.append { completion(.failure(failure)) } }
        queue.append { [self] in
            if files[name.text] != nil || unlisted.contains(name.text), !replacing { return completion(.failure(.exists)) }
            if !replacing { willStore(Int64(message.count)) }
            let batch = StoredBatch(octets: Int64(message.count), modificationTime: clock.now, isTimed: isTimed, sum: SHA256Sum(of: message))
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
    /// Takes over what another one has stored, and its time.
    func continues(_ other: MemoryBackend) {
        files = other.files
        audiences = other.audiences
        simulated.realtime = other.simulated.realtime
    }
    /// Runs everything that waits.
    func run() {
        while !queue.isEmpty { queue.removeFirst()() }
    }
    func text(_ name: String) -> String { files[name]?.message.text ?? "" }
}

extension Audience {
    init?(canonical: String) {
        let parts = canonical.split(separator: ":", maxSplits: 1).map { String($0) }
        switch parts[0] {
        case "public": self = .everyone
        case "group": self = .group(parts[1])
        case "fingerprints": self = .fingerprints(parts[1].split(separator: ",").compactMap { Fingerprint(String($0)) })
        default: return nil
        }
    }
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
    static func board(_ sensors: [Sensor], absent: [Sensor] = [], quota: Int64 = 1 << 30) -> Board {
        Board(name: "B", description: "", model: "", sensors: sensors, absentSensors: absent, actuators: [], quota: quota, versionCount: 16, versionOctets: 8 << 20)
    }
}

/// A publisher over memory, with a second passing at every reading.
final class Bench {
    let backend = MemoryBackend()
    let publisher: ReadingsPublisher
    let loop: EventLoop
    init(_ sensors: [Sensor], absent: [Sensor] = [], quota: Int64 = 1 << 30, friends: Bool = true, backend prepared: (MemoryBackend) -> Void = { _ in }) {
        prepared(backend)
        loop = try! EventLoop(clock: backend.simulated)
        publisher = ReadingsPublisher(board: Sample.board(sensors, absent: absent, quota: quota), fingerprint: Sample.fingerprint, bootID: Sample.bootID, backend: backend, loop: loop)
        publisher.start()
        if friends { publisher.friendsAreLoaded() }
        backend.run()
    }
    /// Time passes, by both clocks.
    func wait(_ nanoseconds: Int64) {
        backend.simulated.sinceBoot += nanoseconds
        backend.simulated.realtime += nanoseconds
        turn()
    }
    /// What is due now.
    func turn() {
        _ = try! loop.runOnce(wait: false)
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
