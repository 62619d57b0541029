import Content
import EventLoop
import HTTP
import OpenPGP
import Server
import Streams
import System

/// What a peer can send on an HTTP/2 connection: the octets behind its preface, in pieces as the first octet says. The server answers from a
/// directory with one file and takes files by PUT, which are judged at once, later, or when the connection has gone; nothing of it may stay.
@c(LLVMFuzzerTestOneInput)
public func fuzzHTTP2(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard count > 0, let first = octets?[0] else { return 0 }
    let stream = Peer(preface + Array(UnsafeRawBufferPointer(start: octets, count: count)[1...]), stride: 1 + Int(first & 127), room: first & 128 == 0 ? .max : 20_000)
    node.server.accept(stream, speaking: .http2)
    while !stream.isClosed {
        stream.owner?.streamIsReady()
        if first & 64 == 0 { judge.release() }
    }
    judge.release()
    precondition(judge.places == 0, "a place is held by nobody")
    precondition(node.server.openConnections == 0, "a connection stays when its peer is gone")
    precondition(stream.starts == [0, 0], "the answer does not begin with SETTINGS")
    return 0
}

private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

/// A running server; the directory below /tmp is removed by nobody.
private struct Node {
    let loop: EventLoop, worker: Worker, store: Store, server: Server

    init?() {
        let name = "a62fd4d43e3fc83ec3bedef69c780921444be7d5", root = "/tmp/maud-http2-fuzz"
        let literal: [UInt8] = [0xC4, 0x0D, 3, 0, 8, 22, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0xCB, 0xFF, 0, 1, 0, 0, 0x62, 0, 0, 0, 0, 0] + [UInt8](repeating: 7, count: 65530)
        try? Files.makeDirectory(root)
        try? Files.makeDirectory(root + "/" + name)
        guard (try? Files.write(literal, to: root + "/" + name + "/a.pgp")) != nil, let own = Fingerprint(name), let loop = try? EventLoop(clock: SystemClock()),
              let worker = try? Worker(loop: loop) else { return nil }
        let clock = NodeClock(clock: SystemClock(), floor: 0)
        guard let store = try? Store(root: root, state: nil, own: own, loop: loop, worker: worker, clock: clock), (try? store.start {}) != nil else { return nil }
        self.loop = loop
        self.worker = worker
        self.store = store
        server = Server(store: store, clock: clock, loop: loop)
        server.receiver = judge
        while !store.isReady { guard (try? loop.runOnce(wait: true)) != nil else { return nil } }
    }
}

private nonisolated(unsafe) let node: Node = {
    guard let node = Node() else { fatalError("no server: is /tmp writable?") }
    return node
}()

private nonisolated(unsafe) let judge = Judge()

/// Takes every file. Those that begin with an even octet wait to be judged.
private final class Judge: FileReceiver {
    private final class Place {
        let judge: Judge
        init(_ judge: Judge) {
            self.judge = judge
            judge.places += 1
        }
        deinit { judge.places -= 1 }
    }
    fileprivate(set) var places = 0
    private var waiting: [() -> Void] = []

    func challenge() -> [UInt8]? { Array(1...16) }
    func admit(peer: Fingerprint?) -> UploadAdmission { places < 4 ? .place(Place(self)) : places < 6 ? .later(3) : .busy }
    func receive(_ file: [UInt8], for directory: Fingerprint, name: [UInt8], place: AnyObject, done: @escaping (UploadResult) -> Void) {
        let judged = { withExtendedLifetime(place) { done(UploadResult(.created, representation: file)) } }
        if file[0] & 1 == 0 { waiting.append(judged) } else { judged() }
    }
    func release() {
        let judged = waiting
        waiting = []
        for one in judged { one() }
    }
}

/// A peer with these octets and then its end.
private final class Peer: Streams.Stream {
    private var octets: ArraySlice<UInt8>
    private let stride: Int
    private var room: Int
    private(set) var isClosed = false
    /// Octets 2 and 4 of what was sent: within the length of the first frame, and its flags.
    private(set) var starts: [UInt8] = []
    var peerFingerprint: Fingerprint? { nil }
    var network: Network? { nil }
    var owner: (any StreamOwner)?

    init(_ octets: [UInt8], stride: Int, room: Int) {
        self.octets = octets[...]
        self.stride = stride
        self.room = room
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        let count = min(buffer.count, octets.count, stride)
        guard count > 0 else { return .ended }
        buffer.copyBytes(from: octets.prefix(count))
        octets.removeFirst(count)
        return .octets(count)
    }

    func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        if starts.isEmpty, octets.count >= 9 { starts = [octets[0], octets[4]] }
        // A peer that reads no more hangs up after a while.
        if room == 0 { return self.octets.isEmpty ? .failed : .blocked }
        let count = min(octets.count, room)
        room -= count
        return .octets(count)
    }

    func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress { .failed }
    func wait(for readiness: StreamReadiness) {}
    func finishSending() {}
    func close() { isClosed = true }
}
