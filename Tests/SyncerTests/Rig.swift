import CLinux
import Content
import EventLoop
import Foundation
import GnuPG
import HTTP
import OpenPGP
import Peer
import Streams
import Synchronization
import System
import TestSupport
import Testing
@testable import Syncer

let own = Fingerprint("3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c")!
let alice = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
let carol = Fingerprint("d954fcaae5ecce317b1a92dc2753a65a37372912")!

@Suite(.serialized) struct SyncerTests {}

final class SimulatedClock: Clock {
    var realtime: Int64 = 1_800_000_000 * nanosecondsPerSecond
    var sinceBoot: Int64 = 1000 * nanosecondsPerSecond
    func advance(_ seconds: Int) {
        realtime += Int64(seconds) * nanosecondsPerSecond
        sinceBoot += Int64(seconds) * nanosecondsPerSecond
    }
}

/// A signed message as far as classification looks: one-pass signature, literal, a signature that nobody verifies.
func signed(_ text: String) -> [UInt8] {
    let body = [0x62, 0, 0, 0, 0, 0] + Array(text.utf8)
    return [0xC4, 13, 3, 0, 8, 22] + [UInt8](repeating: 1, count: 8) + [1]
        + [0xCB, 0xFF] + withUnsafeBytes(of: UInt32(body.count).bigEndian) { Array($0) } + body + [0xC2, 2, 4, 0]
}

/// Says of each file what the test says.
final class ScriptedVerifier: MessageVerifier {
    var signer = alice
    var answers: [(SHA256Sum, Result<VerifiedMessage, GnuPGError>)] = []
    private(set) var asked = 0
    private(set) var limits: [Int] = []
    var isSilent = false

    func verify(file: Int32, count: Int, head: UnsafeRawBufferPointer, limit: Int, completion: @escaping (Result<VerifiedMessage, GnuPGError>) -> Void) {
        asked += 1
        limits.append(limit)
        if isSilent { return }
        var octets = [UInt8](repeating: 0, count: count)
        guard octets.withUnsafeMutableBytes({ maud_pread(file, $0.baseAddress, count, 0) }) == count else {
            return completion(.failure(.system(SystemError(code: ErrorNumber.inputOutput, call: "read"))))
        }
        #expect(head.elementsEqual(octets.prefix(Classification.headLimit)))
        let sum = SHA256Sum(of: octets)
        completion(answers.first { $0.0 == sum }?.1 ?? .success(VerifiedMessage(signer: signer, time: 0, contentOctets: 1)))
    }
}

/// A friend's server, without a carrier: what it answers is up to the test.
final class ScriptedPeer: Dialer {
    /// Name, content, seconds since 1970.
    var files: [(name: String, content: [UInt8], time: Int64)] = []
    /// Answers a request in its own way; nil: as a well-behaved peer does.
    var answer: ((Request) -> [UInt8]?)?
    var isDown = false
    /// What a dialer says of one that is down.
    var failure = PeerError.connection
    var isSilent = false
    /// Octets after which a connection breaks.
    var breaksAfter: Int?
    /// Octets in one call.
    var stride = Int.max
    /// Pages, and says so, as this program does.
    var pages = true
    var date: Int64? = 1_800_000_000
    var listedSize: ((String, Int) -> Int) = { $1 }
    var listedSum: ((String, SHA256Sum) -> SHA256Sum) = { $1 }
    private(set) var requests: [Request] = []
    private(set) var dials: [(Fingerprint, PeerAddress)] = []
    fileprivate(set) var streams: [ScriptedStream] = []
    var openStreams: Int { streams.count { !$0.isClosed } }

    struct Request {
        let target: String
        let fields: [String: String]
        var path: String { String(target.split(separator: "?")[0]) }
        var query: String { target.split(separator: "?").dropFirst().first.map(String.init) ?? "" }
    }

    func forget() { requests = []; dials = [] }

    func dial(_ fingerprint: Fingerprint, at address: PeerAddress, completion: @escaping (Result<any Streams.Stream, PeerError>) -> Void) -> any Dialing {
        dials.append((fingerprint, address))
        let stream = ScriptedStream(self)
        stream.dialed = isSilent ? nil : { [isDown, failure] in completion(isDown ? .failure(failure) : .success(stream)) }
        streams.append(stream)
        return stream
    }

    fileprivate func respond(_ text: String) -> [UInt8] {
        let lines = text.components("\r\n")
        var fields: [String: String] = [:]
        for line in lines.dropFirst() where line.contains(":") {
            let parts = line.split(separator: ":", maxSplits: 1)
            fields[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        let request = Request(target: lines[0].split(separator: " ").map(String.init)[1], fields: fields)
        requests.append(request)
        if let own = answer?(request) { return own }
        return request.path.hasSuffix(".pgp") ? file(request) : listing(request)
    }

    /// `[{...}]` of these files.
    func list(_ files: [(name: String, content: [UInt8], time: Int64)], of owner: Fingerprint = alice) -> String {
        "[" + files.map { file in
            let name = file.name.replacing("\"", with: "\\\"")
            return "{\"path\":\"/p2p/\(owner.description)/\(name)\",\"size\":\(listedSize(file.name, file.content.count)),\"sum\":\"\(listedSum(file.name, SHA256Sum(of: file.content)).hexadecimal.text)\"}"
        }.joined(separator: ",") + "]"
    }

    func listing(_ request: Request) -> [UInt8] {
        var since = Int64.min
        if let text = request.fields["if-modified-since"] {
            since = Array(text.utf8).withUnsafeBytes { HTTPDate($0, now: HTTPDate(seconds: 0)) }?.seconds ?? .min
        }
        var parameters: [String: String] = [:]
        for parameter in request.query.split(separator: "&") {
            let parts = parameter.split(separator: "=")
            parameters[String(parts[0])] = String(parts[1])
        }
        let after = parameters["after"].flatMap { Int($0) } ?? -1, limit = pages ? parameters["limit"].flatMap { Int($0) } ?? .max : 100
        let chosen = files.enumerated().filter { $0.offset > after && $0.element.time >= since }
        let page = chosen.prefix(limit)
        var extra = pages ? "Cache-Control: no-store\r\n" : ""
        if pages, chosen.count > page.count, let last = page.last {
            extra += "Link: <\(request.path)?limit=\(limit)&after=\(last.offset)>; rel=\"next\"\r\n"
        }
        return ScriptedPeer.response(200, Array(list(page.map { $0.element }).utf8), extra + dateLine)
    }

    var dateLine: String {
        guard let date else { return "" }
        let octets = [UInt8](unsafeUninitializedCapacity: HTTPDate.count) { buffer, count in
            HTTPDate(seconds: date).write(to: UnsafeMutableRawBufferPointer(buffer))
            count = HTTPDate.count
        }
        return "Date: \(String(decoding: octets, as: UTF8.self))\r\n"
    }

    func file(_ request: Request) -> [UInt8] {
        guard let file = files.first(where: { request.path.removingPercentEncoding == "/p2p/\(alice.description)/\($0.name)" }) else { return ScriptedPeer.response(404, Array("no".utf8)) }
        if let range = request.fields["range"], let first = Int(range.dropFirst(6).dropLast()), first < file.content.count {
            return ScriptedPeer.response(206, Array(file.content[first...]), "Content-Range: bytes \(first)-\(file.content.count - 1)/\(file.content.count)\r\n")
        }
        return ScriptedPeer.response(200, file.content)
    }

    static func response(_ status: Int, _ content: [UInt8], _ extra: String = "") -> [UInt8] {
        Array("HTTP/1.1 \(status) X\r\nContent-Length: \(content.count)\r\n\(extra)\r\n".utf8) + content
    }
}

final class ScriptedStream: Streams.Stream, Dialing {
    private unowned let peer: ScriptedPeer
    fileprivate var dialed: (() -> Void)?
    var peerFingerprint: Fingerprint? { nil }
    var network: Network? { nil }
    var owner: (any StreamOwner)?
    private(set) var waiting = StreamReadiness.receiving
    private(set) var isClosed = false
    private var inbox: [UInt8] = []
    private var position = 0
    private var outbox: [UInt8] = []
    private var given = 0

    init(_ peer: ScriptedPeer) { self.peer = peer }

    func cancel() { dialed = nil; isClosed = true }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        if let limit = peer.breaksAfter, given >= limit { return .failed }
        if position == inbox.count { return .blocked }
        let count = min(inbox.count - position, buffer.count, peer.stride, (peer.breaksAfter ?? .max) - given)
        buffer.copyBytes(from: inbox[position..<position + count])
        position += count
        given += count
        return .octets(count)
    }

    func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        outbox += octets
        let text = String(decoding: outbox, as: UTF8.self)
        if text.hasSuffix("\r\n\r\n") {
            outbox = []
            inbox = Array(inbox[position...]) + peer.respond(text)
            position = 0
        }
        return .octets(octets.count)
    }

    func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress { .failed }
    func wait(for readiness: StreamReadiness) { waiting = readiness }
    func finishSending() {}
    func close() {
        isClosed = true
        owner = nil
    }

    /// One event, as a loop would deliver it; false when there is none.
    fileprivate func turn() -> Bool {
        if let dialed {
            self.dialed = nil
            dialed()
            return true
        }
        guard !isClosed, let owner else { return false }
        switch waiting {
        case .nothing: return false
        case .sending: break
        case .receiving: if position == inbox.count, peer.breaksAfter ?? .max > given { return false }
        }
        owner.streamIsReady()
        return true
    }
}

/// A syncer over a Mau directory of its own, with a scripted friend.
final class Rig {
    private static let number = Atomic(0)
    let root: String
    let clock = SimulatedClock()
    let loop: EventLoop
    let worker: Worker
    private(set) var store: Store
    let verifier = ScriptedVerifier()
    let peer = ScriptedPeer()
    private(set) var syncer: Syncer
    let nodeClock: NodeClock
    var received: [String] = []

    init(_ prepare: (String) throws -> Void = { _ in }) throws {
        root = "/tmp/maud-sync-\(maud_process_id())-\(Rig.number.add(1, ordering: .relaxed).newValue)-\(Random.octets(4).map { String($0) }.joined())"
        try Files.makeDirectory(root)
        try Files.makeDirectory(root + "/mau")
        try Files.makeDirectory(root + "/mau/" + alice.description)
        try prepare(root + "/mau/" + alice.description)
        loop = try EventLoop(clock: clock)
        worker = try Worker(loop: loop)
        nodeClock = NodeClock(clock: clock, floor: 0)
        store = try Store(root: root + "/mau", state: root + "/state", own: own, loop: loop, worker: worker, clock: nodeClock)
        syncer = Syncer(store: store, verifier: verifier, dialer: peer, loop: loop, clock: nodeClock, state: root + "/state")
        try begin()
    }

    deinit {
        syncer.stop()
        store.stop()
        try? worker.stop()
        try? Files.removeTree(root)
    }

    private func begin() throws {
        try store.start {}
        try run { store.isReady && store.directory(alice)?.isSettled == true }
        syncer.received = { [unowned self] _, name, _ in received.append(name.description) }
        syncer.add(PeerAddress(Array("192.0.2.1:8448".utf8))!, of: alice)
        syncer.follow([alice])
    }

    /// Ends the node, cleanly or as a power cut would, and begins again.
    func restart(cleanly: Bool = true) throws {
        if cleanly { syncer.stop(); syncer.save() } else { syncer.follow([]) }
        store.stop()
        store = try Store(root: root + "/mau", state: root + "/state", own: own, loop: loop, worker: worker, clock: nodeClock)
        syncer = Syncer(store: store, verifier: verifier, dialer: peer, loop: loop, clock: nodeClock, state: root + "/state")
        try begin()
    }

    /// Lets everything happen that can happen without time passing.
    func settle() throws {
        while true {
            var worked = false
            for stream in peer.streams where stream.turn() { worked = true }
            if try loop.runOnce(wait: false) { worked = true }
            if worker.pending > 0 { try loop.runOnce(wait: true) } else if !worked { return }
        }
    }

    func run(until holds: () throws -> Bool) throws {
        while try !holds() {
            for stream in peer.streams { _ = stream.turn() }
            try loop.runOnce(wait: worker.pending > 0)
        }
    }

    /// So many events and no more.
    func steps(_ count: Int) throws {
        for _ in 0..<count {
            for stream in peer.streams where stream.turn() { break }
            try loop.runOnce(wait: false)
        }
    }

    /// A visit, from its beginning to its end.
    func visit() throws {
        syncer.start()
        try settle()
    }

    /// Time passes: what is due then happens.
    func pass(_ seconds: Int) throws {
        clock.advance(seconds)
        try settle()
    }

    var friend: FollowedFriend { syncer.friends[0] }
    var path: String { root + "/mau/" + alice.description }
    func content(_ name: String) -> [UInt8]? { try? Files.read(path + "/" + name, limit: Bounds.fileSize) }

    /// What lies in the friend's directory, unfinished files too.
    func names(_ directory: String = "") throws -> [String] { try TestSupport.names(inDirectory: path + directory) }
    var listing: [String] {
        var names: [String] = []
        store.directory(alice)?.forEach { name, _ in names.append(String(decoding: name, as: UTF8.self)); return true }
        return names
    }
}

extension String {
    func components(_ separator: String) -> [String] { split(separator: separator, omittingEmptySubsequences: false).map(String.init) }
}
