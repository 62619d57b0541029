@testable import Board
@testable import Commands
import CLinux
import EventLoop
import Foundation
import OpenPGP
import Readings
import System
import Vocabulary

final class SimulatedClock: Clock {
    var realtime: Int64 = 1_800_000_000 * nanosecondsPerSecond
    var sinceBoot: Int64 = 1000 * nanosecondsPerSecond

    func advance(seconds: Int64) {
        realtime += seconds * nanosecondsPerSecond
        sinceBoot += seconds * nanosecondsPerSecond
    }
}

enum Sample {
    static let device = Fingerprint("0123456789abcdef0123456789abcdef01234567")!
    static let controller = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
    static let other = Fingerprint("ffffffffffffffffffffffffffffffffffffffff")!
    static let bootID = Array("6f2d3b7a-90c1-4e5d-8a17-2b64c0de91f3".utf8)
    static let ownKey = KeyID(rawValue: 0x1111), senderKey = KeyID(rawValue: 0x2222)

    static var board: Board {
        get throws {
            try Board(json: Array("""
                {"name": "b", "actuators": [
                 {"name": "led", "title": "LED", "type": "switch", "source": {"type": "simulator"}},
                 {"name": "heat", "title": "Heat", "type": "level", "minimum": -5, "maximum": 30, "decimals": 1, "step": 0.5, "source": {"type": "simulator"}}]}
                """.utf8))
        }
    }

    /// A session key packet for each key id, then encrypted data.
    static func message(_ keys: [KeyID] = [ownKey], content: [UInt8] = []) -> [UInt8] {
        var octets: [UInt8] = []
        for key in keys {
            octets += [0xC1, 0x0D, 3]
            octets += withUnsafeBytes(of: key.rawValue.bigEndian) { Array($0) } + [18, 0, 1, 1]
        }
        return octets + [0xD2, 0xFF, 0, 0, UInt8((content.count + 1) >> 8), UInt8((content.count + 1) & 255), 1] + content
    }
}

/// What a test says in a command; times in seconds since 1970.
struct Wish {
    var identifier = CommandIdentifier(high: UInt64.random(in: 1...UInt64.max), low: UInt64.random(in: 1...UInt64.max))
    var device = Sample.device
    /// Of a command about controllers: its type, and the key in it.
    var kind: String?
    var subject = Sample.other
    var key: String? = "a2V5"
    var target = "led"
    var value = "1"
    var start = 1_800_000_000.0
    var end: Double?
    var challenge: [UInt8]?

    var text: [UInt8] {
        var text = #"{"@context":"https://w3id.org/maud/1","@type":"\#(kind ?? "Command")","device":"mau:\#(device.description)","identifier":"\#(identifier.hexadecimal.text)","#
        if kind == nil { text += #""object":{"@type":"PropertyValue","propertyID":"mau:\#(device.description)#\#(target)","value":\#(value)}"# } else {
            text += #""object":{"@type":"PublicKey","identifier":"\#(subject.description)"\#(key.map { #","text":"\#($0)""# } ?? "")}"#
        }
        text += #","startTime":"\#(date(start))""#
        if let end { text += #","endTime":"\#(date(end))""# }
        if let challenge {
            var digits: [UInt8] = []
            challenge.withUnsafeBytes { digits.append(hexadecimal: $0) }
            text += #","challenge":"\#(digits.text)""#
        }
        return Array((text + "}").utf8)
    }
}

/// A date as commands write it, by the C library.
func date(_ seconds: Double) -> String {
    var time = time_t(seconds), fields = tm()
    gmtime_r(&time, &fields)
    var octets = [CChar](repeating: 0, count: 64)
    strftime(&octets, 64, "%Y-%m-%dT%H:%M:%S", &fields)
    let milliseconds = Int((seconds - seconds.rounded(.down)) * 1000 + 0.5)
    return String(cString: octets) + "." + String(repeating: "0", count: 3 - String(milliseconds).count) + "\(milliseconds)Z"
}

/// Everything below in memory: gpg is a table, files are a dictionary. Completions run in `run()`.
final class MemoryBackend: CommandBackend {
    let simulated = SimulatedClock()
    lazy var clock = NodeClock(clock: simulated, floor: 1_700_000_000 * nanosecondsPerSecond)
    var files: [String: (message: [UInt8], sum: SHA256Sum, order: Int)] = [:]
    var friendFiles: [String: [UInt8]] = [:]
    var controllers = [Sample.controller]
    var friends = [Sample.controller, Sample.other]
    var opened: [[UInt8]: OpenedCommand] = [:]
    /// What gpg does not get to the end of.
    var endless: [[UInt8]] = []
    /// What happened, in order.
    var events: [String] = []
    var signFailures: [PublishingFailure] = []
    var storeFailures: [PublishingFailure] = []
    var failsLog = false
    private var queue: [() -> Void] = []
    private var order = 0

    var ownKeyIDs: [KeyID] { [Sample.ownKey] }
    func keyIDs(ofFriend fingerprint: Fingerprint) -> [KeyID]? { friends.contains(fingerprint) ? [Sample.senderKey] : nil }
    func isController(_ fingerprint: Fingerprint) -> Bool { controllers.contains(fingerprint) }
    func open(_ message: [UInt8], completion: @escaping (Result<OpenedCommand, OpeningFailure>) -> Void) {
        events.append("open")
        if endless.contains(message) { return queue.append { completion(.failure(.endless)) } }
        let result = opened[message]
        queue.append { completion(result.map { .success($0) } ?? .failure(.refused)) }
    }
    func message(_ name: [UInt8]) -> [UInt8]? { files[name.text]?.message }
    func hasFile(_ name: [UInt8], of friend: Fingerprint) -> Bool { friendFiles["\(friend.description)/\(name.text)"] != nil }
    func storeFile(_ name: [UInt8], _ message: [UInt8], of friend: Fingerprint, done: @escaping (Bool) -> Void) {
        queue.append { [self] in
            friendFiles["\(friend.description)/\(name.text)"] = message
            done(true)
        }
    }
    func file(_ name: [UInt8]) -> OwnFile? { files[name.text].map { OwnFile(sum: $0.sum, modificationTime: Int64($0.order)) } }
    func isFile(_ name: [UInt8], for friend: Fingerprint) -> Bool { text(name.text).hasPrefix("fingerprints:\(friend.description)\n") }
    func forEachFile(_ prefix: [UInt8], _ body: ([UInt8], OwnFile) -> Bool) {
        for (name, file) in files.sorted(by: { $0.key < $1.key }) where name.hasPrefix(prefix.text) {
            if !body(Array(name.utf8), OwnFile(sum: file.sum, modificationTime: Int64(file.order))) { return }
        }
    }
    func sign(_ document: [UInt8], for audience: Audience, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void) {
        if !signFailures.isEmpty { let failure = signFailures.removeFirst(); return queue.append { completion(.failure(failure)) } }
        queue.append { completion(.success(audience.canonical + [0x0A] + document)) }
    }
    func signAnswer(_ document: [UInt8], to controller: Fingerprint, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void) {
        sign(document, for: .fingerprints([controller]), completion: completion)
    }
    /// What `prepare` says, and whether `carryOut` works; what was asked for lies in `requests`.
    var preparation: Result<Bool, PreparationFailure> = .success(true)
    var carriesOut = true
    var onCarryOut: () -> Void = {}
    private(set) var requests: [ControllerRequest] = []
    func prepare(_ request: ControllerRequest, completion: @escaping (Result<Bool, PreparationFailure>) -> Void) {
        requests.append(request)
        queue.append { [self] in completion(preparation) }
    }
    func carryOut(done: @escaping (Bool) -> Void) {
        events.append("carry out \(requests.count)")
        onCarryOut()
        queue.append { [self] in done(carriesOut) }
    }
    func store(_ name: [UInt8], _ message: [UInt8], replacing: Bool, completion: @escaping (Result<SHA256Sum, PublishingFailure>) -> Void) {
        if failsLog, name.starts(with: Array("log-")) { return queue.append { completion(.failure(.noSpace)) } }
        if !storeFailures.isEmpty { let failure = storeFailures.removeFirst(); return queue.append { completion(.failure(failure)) } }
        queue.append { [self] in
            if files[name.text] != nil, !replacing { return completion(.failure(.exists)) }
            order += 1
            files[name.text] = (message, SHA256Sum(of: message), order)
            events.append("store \(name.text)")
            completion(.success(SHA256Sum(of: message)))
        }
    }
    func remove(_ names: [[UInt8]], done: @escaping (Bool) -> Void) {
        queue.append { [self] in
            for name in names { files[name.text] = nil }
            events.append("remove \(names.count)")
            done(true)
        }
    }
    /// A file that is there already.
    func add(_ name: [UInt8]) {
        order += 1
        files[name.text] = (name, SHA256Sum(of: name), order)
    }
    /// Runs everything that waits; false when nothing did.
    @discardableResult func step() -> Bool {
        if queue.isEmpty { return false }
        queue.removeFirst()()
        return true
    }
    func run() { while step() {} }
    /// A process that is gone does nothing more.
    func dropQueue() { queue = [] }
    func text(_ name: String) -> String { files[name]?.message.text ?? "" }
    func names(_ prefix: String) -> [String] { files.keys.filter { $0.hasPrefix(prefix) }.sorted() }
}

/// Actuators that are numbers.
final class MemoryControl: ActuatorControl {
    var values: [Int: Int64] = [:]
    var fails = false
    var onSet: () -> Void = {}
    var isHeld = false
    private var held: [() -> Void] = []

    func set(_ actuator: Int, to value: Int64, done: @escaping (Bool) -> Void) {
        onSet()
        if fails { return done(false) }
        values[actuator] = value
        if isHeld { held.append { done(true) } } else { done(true) }
    }
    func release() {
        isHeld = false
        let held = held
        self.held = []
        for body in held { body() }
    }
}

/// A commander over memory, its ledger a file in a directory that goes with it.
final class Bench {
    let backend: MemoryBackend
    let control = MemoryControl()
    let loop: EventLoop
    let state: String
    private(set) var commander: Commander
    private let ownsState: Bool

    /// - Parameter previous: the bench of a process that is gone: the same disk.
    init(after previous: Bench? = nil) throws {
        backend = previous?.backend ?? MemoryBackend()
        state = previous?.state ?? "/tmp/maud-commands-\(maud_process_id())-\(UInt64.random(in: 0...UInt64.max))"
        ownsState = previous == nil
        try Files.makeDirectory(state)
        loop = try EventLoop(clock: backend.simulated)
        commander = Commander(board: try Sample.board, device: Sample.device, bootID: Sample.bootID, backend: backend, control: control, loop: loop)
        let control = control
        commander.states.value = { control.values[$0] }
    }

    deinit { if ownsState { try? Files.removeTree(state) } }

    func start(isFirst: Bool = false) throws {
        commander.start(ledger: try LedgerFile(state: state, worker: nil), isFirst: isFirst)
        backend.run()
    }

    /// Started a minute ago, so that commands of now were signed after the ledger was begun.
    static func started() throws -> Bench {
        let bench = try Bench()
        try bench.start()
        bench.backend.simulated.advance(seconds: 60)
        return bench
    }

    var now: Double { Double(backend.simulated.realtime) / 1e9 }

    /// A wish of now.
    func wish(_ target: String = "led", _ value: String = "1", after seconds: Double = 0) -> Wish { Wish(target: target, value: value, start: now + seconds) }

    /// The file of a command; each call makes other octets of it.
    func file(_ wish: Wish, from signer: Fingerprint = Sample.controller, signed: Double? = nil) -> [UInt8] {
        let message = Sample.message(content: wish.text + withUnsafeBytes(of: UInt64.random(in: 0...UInt64.max)) { Array($0) })
        backend.opened[message] = OpenedCommand(content: wish.text, signer: signer, signatureTime: Int64(signed ?? now) * 1000)
        return message
    }

    /// Sends a file as a PUT of a proven controller and runs everything.
    @discardableResult
    func put(_ message: [UInt8], from sender: Fingerprint = Sample.controller, name: String? = nil, isProven: Bool = true) -> CommandResult? {
        let (place, seconds) = commander.enter(isProven: isProven)
        guard let place else { return seconds > 0 ? .later(seconds) : .busy }
        var result: CommandResult?
        commander.receive(message, from: sender, name: Array((name ?? "c\(UInt64.random(in: 0...UInt64.max)).pgp").utf8), place: place) { result = $0 }
        backend.run()
        return result
    }

    @discardableResult
    func command(_ wish: Wish, from signer: Fingerprint = Sample.controller) -> CommandResult? { put(file(wish, from: signer), from: signer) }
}

extension CommandResult {
    var isCarriedOut: Bool { if case .carriedOut = self { true } else { false } }
    var isBusy: Bool { if case .busy = self { true } else { false } }
    var isConflict: Bool { if case .conflict = self { true } else { false } }
    var isUnacceptable: Bool { if case .unacceptable = self { true } else { false } }
    var isMalformed: Bool { if case .malformed = self { true } else { false } }
    var isRepeated: Bool { if case .repeated = self { true } else { false } }
    var later: Int? { if case .later(let seconds) = self { seconds } else { nil } }
    var answer: String {
        switch self {
        case .carriedOut(_, let answer), .failed(let answer), .repeated(let answer): answer?.text ?? ""
        default: ""
        }
    }
    /// The error of a command that was answered as failed.
    var error: String? {
        guard case .failed = self, let start = answer.range(of: #""error":""#) else { return nil }
        return String(answer[start.upperBound...].prefix { $0 != "\"" })
    }
}
