import EventLoop
import Foundation
import OpenPGP
import Streams
import System
@testable import TLS

final class SimulatedClock: Clock {
    var sinceBoot: Int64 = 1_000_000_000
    var realtime: Int64 = 0
}

/// The octets of a file in Tests/Fixtures.
func fixture(_ path: String) -> [UInt8] {
    Array(FileManager.default.contents(atPath: fixturePath(path)) ?? Data())
}

func fixturePath(_ path: String) -> String {
    let parts = #filePath.split(separator: "/").dropLast(2)
    return "/" + parts.joined(separator: "/") + "/Fixtures/" + path
}

func signingKey(_ user: String) throws -> SigningKey {
    let key = try SigningKey()
    try fixture("secret/\(user).gpg").withUnsafeBytes { try key.fill(fromExport: $0) }
    return key
}

let fingerprints = [
    "alice": "a62fd4d43e3fc83ec3bedef69c780921444be7d5", "carol": "d954fcaae5ecce317b1a92dc2753a65a37372912",
    "gina": "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c", "leading-zero": "d1418a11d694c37d9bbcfba05c985c4a9e7fc66c",
]

func fingerprint(_ user: String) -> Fingerprint { Fingerprint(fingerprints[user] ?? "") ?? Fingerprint(high: 0, middle: 0, low: 0) }

extension Fingerprint {
    init(high: UInt64, middle: UInt64, low: UInt32) { self = Fingerprint(String(repeating: "0", count: 40))! }
}

/// One end of a stream in memory.
final class MemoryEnd: Streams.Stream {
    var peerFingerprint: Fingerprint? { nil }
    var network: Network? { nil }
    var owner: (any StreamOwner)?
    unowned(unsafe) var other: MemoryEnd?
    /// What the other end sent and this one has not read.
    var inbox: [UInt8] = []
    /// Octets that the other end may still put here.
    var room = Int.max
    /// The most octets in one call.
    var stride = Int.max
    /// Changes what this end sends.
    var tamper: ((inout [UInt8]) -> Void)?
    private(set) var waiting = StreamReadiness.receiving
    private(set) var isClosed = false
    private(set) var sent = 0
    var hasEnded = false

    static func pair() -> (MemoryEnd, MemoryEnd) {
        let a = MemoryEnd(), b = MemoryEnd()
        a.other = b
        b.other = a
        return (a, b)
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        if inbox.isEmpty { return hasEnded ? .ended : .blocked }
        let count = min(inbox.count, buffer.count, stride)
        buffer.copyBytes(from: inbox[..<count])
        inbox.removeFirst(count)
        return .octets(count)
    }

    func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        guard let other, !other.isClosed else { return .failed }
        let count = min(octets.count, stride, other.room)
        if count <= 0 { return .blocked }
        var copy = Array(octets[..<count])
        tamper?(&copy)
        other.inbox += copy
        other.room = other.room == .max ? .max : other.room - count
        sent += count
        return .octets(count)
    }

    func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress { .failed }
    func wait(for readiness: StreamReadiness) { waiting = readiness }
    func finishSending() { other?.hasEnded = true }
    func close() {
        isClosed = true
        other?.hasEnded = true
        other = nil
    }

    /// Whether its owner would be told now.
    var isReady: Bool { !isClosed && (waiting == .receiving ? !inbox.isEmpty || hasEnded : (other?.room ?? 1) > 0) }
}

/// What one side of a connection saw; it reads all that comes.
final class Side: StreamOwner {
    let stream: TLSStream
    let carrier: MemoryEnd
    var result: TLSError??
    var received: [UInt8] = []
    var hasEnded = false, hasFailed = false
    /// Octets taken in one read.
    var appetite = 20_000
    var outgoing: [UInt8] = []

    init(_ carrier: MemoryEnd, _ role: TLSStream.Role, _ context: TLSContext) {
        self.carrier = carrier
        stream = TLSStream(over: carrier, role, context: context)
    }

    func start() {
        stream.start { [unowned self] error in
            result = .some(error)
            if error == nil { stream.owner = self } else { stream.close() }
        }
    }

    var isOpen: Bool { if case .some(.none) = result { true } else { false } }
    var error: TLSError? { result ?? nil }

    func streamIsReady() {
        if !outgoing.isEmpty { return sendMore() }
        var buffer = [UInt8](repeating: 0, count: appetite)
        switch buffer.withUnsafeMutableBytes({ stream.receive(into: $0) }) {
        case .octets(let count): received += buffer[..<count]
        case .blocked: break
        case .ended: hasEnded = true; stream.close()
        case .failed: hasFailed = true; stream.close()
        }
    }

    func send(_ octets: [UInt8]) {
        outgoing += octets
        sendMore()
    }

    private func sendMore() {
        while !outgoing.isEmpty {
            switch outgoing.withUnsafeBytes({ stream.send($0, more: false) }) {
            case .octets(let count): outgoing.removeFirst(count)
            case .blocked: return stream.wait(for: .sending)
            case .ended, .failed: hasFailed = true; outgoing = []; return stream.close()
            }
        }
        stream.wait(for: .receiving)
    }
}

/// A client and a server in one thread.
final class Meeting {
    let loop: EventLoop
    let clock = SimulatedClock()
    let server: Side, client: Side

    init(server serverContext: TLSContext, client clientContext: TLSContext, expecting: Fingerprint? = nil) throws {
        loop = try EventLoop(clock: clock)
        let (a, b) = MemoryEnd.pair()
        server = Side(a, .server, serverContext)
        client = Side(b, .client(expecting ?? serverContext.fingerprint), clientContext)
    }

    func begin() {
        server.start()
        client.start()
        run()
    }

    /// Tells both as long as there is something to tell.
    func run() {
        for _ in 0..<100_000 {
            if server.carrier.isReady, let owner = server.carrier.owner { owner.streamIsReady(); continue }
            if client.carrier.isReady, let owner = client.carrier.owner { owner.streamIsReady(); continue }
            if (try? loops.reduce(false) { try $1.runOnce(wait: false) || $0 }) != true { return }
        }
    }

    var loops: [EventLoop] = []
}
