import CLinux
import Content
import EventLoop
import OpenPGP
import Synchronization
import System
import Testing
@testable import Server
import Streams

final class SimulatedClock: Clock {
    var realtime: Int64 = 1_800_000_000 * nanosecondsPerSecond
    var sinceBoot: Int64 = 1000 * nanosecondsPerSecond

    func advance(seconds: Double) {
        let nanoseconds = Int64(seconds * Double(nanosecondsPerSecond))
        realtime += nanoseconds
        sinceBoot += nanoseconds
    }
}

/// A server over a Mau directory of its own, with a simulated clock.
final class Harness {
    static let fingerprint = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"
    private static let number = Atomic(0)

    let root: String
    let clock = SimulatedClock()
    let loop: EventLoop
    let worker: Worker
    let store: Store
    let server: Server

    /// - Parameter files: name, content and modification time in nanoseconds since 1970.
    init(_ files: [(String, [UInt8], Int64)] = []) throws {
        root = "/tmp/maud-server-\(maud_process_id())-\(Harness.number.add(1, ordering: .relaxed).newValue)"
        try Files.makeDirectory(root)
        try Files.makeDirectory(root + "/" + Harness.fingerprint)
        for (name, bytes, time) in files { try Harness.write(root, name, bytes, time) }
        loop = try EventLoop(clock: clock)
        worker = try Worker(loop: loop)
        let nodeClock = NodeClock(clock: clock, floor: 0)
        store = try Store(root: root, state: nil, own: #require(Fingerprint(Harness.fingerprint)), loop: loop, worker: worker, clock: nodeClock)
        server = Server(store: store, clock: nodeClock, loop: loop)
        try store.start {}
        try settle(count: files.count)
    }

    deinit {
        server.close()
        store.stop()
        try? worker.stop()
        try? Files.removeTree(root)
    }

    private static func write(_ root: String, _ name: String, _ bytes: [UInt8], _ time: Int64) throws {
        let path = root + "/" + fingerprint + "/." + name
        try Files.write(bytes, to: path)
        _ = maud_set_modification_time(Int32(MAUD_AT_CWD), path, time)
        _ = maud_renameat(Int32(MAUD_AT_CWD), path, Int32(MAUD_AT_CWD), root + "/" + fingerprint + "/" + name)
    }

    var directory: Directory {
        get throws {
            let fingerprint = try #require(Fingerprint(Harness.fingerprint))
            return try #require(store.directory(fingerprint))
        }
    }

    /// Runs the loop until so many files are listed.
    private func settle(count: Int) throws {
        while try !store.isReady || directory.count != count { try loop.runOnce(wait: true) }
    }

    /// Another program adds a file.
    func add(_ name: String, _ bytes: [UInt8], _ time: Int64) throws {
        let before = try directory.count
        try Harness.write(root, name, bytes, time)
        try settle(count: before + 1)
    }

    /// Another program removes a file.
    func remove(_ name: String) throws {
        let before = try directory.count
        try Files.remove(root + "/" + Harness.fingerprint + "/" + name)
        try settle(count: before - 1)
    }

    /// A new connection.
    func connect(network: Network? = nil, room: Int = .max, peer: Fingerprint? = nil) -> MemoryStream {
        let stream = MemoryStream(network: network, room: room, peer: peer)
        server.accept(stream)
        return stream
    }

    /// The answer to one request on a connection of its own.
    func request(_ method: String = "GET", _ path: String, _ fields: String...) throws -> Response {
        let stream = connect()
        stream.deliver("\(method) \(path) HTTP/1.1\r\nHost: x\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        stream.end()
        let responses = stream.responses(toHead: method == "HEAD")
        #expect(responses.count == 1)
        return try #require(responses.first)
    }

    /// Time passes; timers that become due run.
    func advance(seconds: Double) throws {
        clock.advance(seconds: seconds)
        try loop.runOnce(wait: false)
    }

    var base: String { "/p2p/" + Harness.fingerprint }
}

/// The outer form of a public file: a one-pass signature packet, then a literal data packet, `size` octets in all.
func publicFile(_ size: Int, seed: UInt8 = 0) -> [UInt8] {
    var octets: [UInt8] = [0xC4, 0x0D, 3, 0, 8, 22, 1, 2, 3, 4, 5, 6, 7, 8, 1]
    let body = size - octets.count - 6
    octets += [0xCB, 0xFF, UInt8(body >> 24), UInt8(body >> 16 & 255), UInt8(body >> 8 & 255), UInt8(body & 255)]
    octets += [0x62, 0, 0, 0, 0, 0]
    while octets.count < size { octets.append(UInt8(truncatingIfNeeded: octets.count &* 31 &+ octets.count >> 8) &+ seed) }
    return octets
}

/// The outer form of a file that is encrypted to one key: a PKESK packet, then a SEIPD packet.
func privateFile(seed: UInt8 = 0) -> [UInt8] {
    [0xC1, 0x0D, 3, 1, 2, 3, 4, 5, 6, 7, seed, 18, 0, 1, 1] + [0xD2, 0x04, 1, seed, 2, 3]
}

/// A second since 1970, as a modification time.
func second(_ seconds: Int64, _ nanoseconds: Int64 = 0) -> Int64 { seconds * nanosecondsPerSecond + nanoseconds }
