import CNghttp2
import OpenPGP
import System
import Testing
@testable import Server

/// docs/http.md, section 7: what a peer cannot do.
@Suite struct HTTP2BoundsTests {
    let harness: Harness
    let calm = NGHTTP2_ENHANCE_YOUR_CALM.rawValue

    init() throws { harness = try Harness([("small.pgp", publicFile(100), second(1000)), ("big.pgp", publicFile(300_000), second(1002))]) }

    private func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
        [UInt8(payload.count >> 16), UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255), type, flags]
            + [UInt8(stream >> 24), UInt8(stream >> 16 & 255), UInt8(stream >> 8 & 255), UInt8(stream & 255)] + payload
    }

    /// The head of a request for the listing of nobody, by HPACK's static table: GET https /index.html and a literal authority.
    private let head: [UInt8] = [0x82, 0x87, 0x85, 0x41, 0x01, 0x78]

    /// One request too many is refused as long as the peer may not know the bound, and then it is an error of its.
    @Test func aSeventeenthRequest() throws {
        let stream = MemoryStream()
        harness.server.accept(stream, speaking: .http2)
        let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        stream.deliver(preface + frame(4, 0, 0, [0, 4, 0, 0, 0, 0]) + (0..<17).flatMap { frame(1, 5, 2 * $0 + 1, head) })
        let refused = try #require(frames(stream.take()).first { $0.type == 3 })
        #expect(refused.code == NGHTTP2_REFUSED_STREAM.rawValue && !stream.isFinished)
        let peer = harness.connect2(window: 0)
        peer.run()
        let streams = (0..<16).map { _ in peer.submit("GET", harness.base + "/big.pgp") }
        peer.run()
        #expect(streams.allSatisfy { peer.answers[$0]?.status == 200 && peer.answers[$0]?.reset == nil })
        peer.stream.deliver(frame(1, 5, 99, head))
        peer.take()
        #expect(peer.goAway == NGHTTP2_PROTOCOL_ERROR.rawValue && peer.stream.isFinished)
    }

    /// The type and the code of a frame, 32 bits at its end, of each frame in octets.
    private func frames(_ octets: [UInt8]) -> [(type: UInt8, code: UInt32)] {
        var frames: [(UInt8, UInt32)] = []
        var start = 0
        while start + 9 <= octets.count {
            let end = start + 9 + Int(octets[start]) << 16 + Int(octets[start + 1]) << 8 + Int(octets[start + 2])
            let code = octets[..<end].dropFirst(start + (octets[start + 3] == 3 ? 9 : 13)).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
            frames.append((octets[start + 3], code))
            start = end
        }
        return frames
    }

    /// PING, SETTINGS, requests taken back at once (CVE-2023-44487), requests that the server is made to reset.
    @Test(arguments: [0, 1, 2, 3])
    func floods(_ kind: Int) throws {
        let peer = harness.connect2()
        peer.run()
        for number in 0..<110 where !peer.stream.isFinished {
            let stream = UInt32(2 * number + 1)
            let octets = switch kind {
            case 0: frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])
            case 1: frame(4, 0, 0)
            case 2: frame(1, 5, stream, head) + frame(3, 0, stream, [0, 0, 0, 8])
            default: frame(1, 5, stream, head) + frame(8, 0, stream, [0x7F, 0xFF, 0xFF, 0xFF])
            }
            peer.stream.deliver(octets)
            #expect(number > 90 || !peer.stream.isFinished)
        }
        let last = try #require(frames(peer.stream.take()).last)
        #expect(last.type == 7 && last.code == calm && harness.server.counters.floods == 1)
        #expect(peer.stream.isFinished)
        peer.stream.end()
        #expect(peer.stream.isClosed && harness.server.openConnections == 0)
    }

    /// The same frames one after the other, slowly, are no flood.
    @Test func patienceGrowsAgain() throws {
        let peer = harness.connect2()
        for _ in 0..<300 {
            peer.ping()
            _ = peer.request("GET", harness.base + "/small.pgp")
            try harness.advance(seconds: 0.06)
        }
        #expect(peer.goAway == nil)
    }

    @Test func aHeadThatDoesNotEnd() throws {
        let peer = harness.connect2()
        peer.run()
        peer.stream.deliver(frame(1, 1, 1, head))
        #expect(peer.connection?.isIdle == false)
        try harness.advance(seconds: 9)
        #expect(!peer.stream.isFinished)
        try harness.advance(seconds: 2)
        peer.take()
        #expect(peer.goAway == calm && peer.stream.isFinished && harness.server.counters.timeouts == 1)
    }

    @Test func endlessContinuations() {
        let peer = harness.connect2()
        peer.run()
        peer.stream.deliver(frame(1, 1, 1, head))
        for _ in 0..<200 where !peer.stream.isFinished { peer.stream.deliver(frame(9, 0, 1, [0, 1, 0x61, 1, 0x62])) }
        peer.take()
        #expect(peer.stream.isFinished && peer.goAway != nil)
    }

    @Test func idleConnectionsEnd() throws {
        let peer = harness.connect2()
        _ = peer.request("GET", harness.base)
        for _ in 0..<5 {
            try harness.advance(seconds: 11)
            peer.ping()
            peer.run()
        }
        #expect(!peer.stream.isClosed)
        try harness.advance(seconds: 6)
        peer.take()
        #expect(peer.stream.isClosed && peer.goAway == NGHTTP2_NO_ERROR.rawValue, "pings do not keep a connection")
        let silent = MemoryStream()
        harness.server.accept(silent, speaking: .http2)
        try harness.advance(seconds: 61)
        #expect(silent.isClosed)
    }

    /// A response that nobody asks on for is reset; the others of the connection go on.
    @Test func aWindowThatStaysShut() throws {
        let peer = harness.connect2(window: 1000, asksForMore: false)
        let id = peer.submit("GET", harness.base + "/big.pgp")
        peer.run()
        for _ in 0..<3 {
            try harness.advance(seconds: 15)
            #expect(peer.request("GET", harness.base + "/small.pgp").status == 200)
        }
        try harness.advance(seconds: 16)
        peer.run()
        #expect(peer.answers[id]?.reset == NGHTTP2_CANCEL.rawValue && !peer.stream.isClosed && peer.goAway == nil)
        #expect(peer.connection?.isIdle == true)
    }

    @Test func aPeerThatReadsNothing() throws {
        let peer = harness.connect2(room: 2000)
        peer.submit("GET", harness.base + "/big.pgp")
        peer.stream.deliver(peer.octets())
        try harness.advance(seconds: 61)
        #expect(peer.stream.isClosed && harness.server.counters.timeouts == 1)
    }

    @Test func theEndOfTheProgram() throws {
        let peer = harness.connect2(room: 100_000), idle = harness.connect2()
        idle.run()
        let id = peer.submit("GET", harness.base + "/big.pgp")
        peer.stream.deliver(peer.octets())
        harness.server.finish()
        idle.take()
        #expect(idle.goAway == NGHTTP2_NO_ERROR.rawValue && idle.stream.isClosed)
        let late = peer.submit("GET", harness.base)
        peer.stream.deliver(peer.octets())
        while !peer.stream.isFinished {
            peer.stream.makeRoom(100_000)
            peer.run()
        }
        #expect(peer.answers[id]?.isComplete == true && peer.answers[id]?.body.count == 300_000)
        #expect(peer.goAway == NGHTTP2_NO_ERROR.rawValue && peer.lastStream == id && peer.answers[late]?.status != 200)
    }

    @Test func noPlace() throws {
        var limits = Server.Limits()
        limits.connections = 1
        limits.connectionsForFriends = 0
        let server = Server(store: harness.store, clock: harness.server.clock, loop: harness.loop, limits: limits)
        defer { server.close() }
        func connect() -> HTTP2Peer {
            let stream = MemoryStream()
            server.accept(stream, speaking: .http2)
            return HTTP2Peer(stream, window: 10, asksForMore: false)
        }
        let first = connect()
        first.submit("GET", harness.base + "/big.pgp")
        first.run()
        let second = connect()
        #expect(second.take() && second.goAway == calm && second.lastStream == 0 && second.stream.isFinished)
        first.stream.end()
        #expect(connect().request("GET", harness.base + "/small.pgp").status == 200)
    }

    /// libnghttp2 stays far within its bound when a peer does what it can, and gives all of it back.
    @Test func memoryIsBounded() throws {
        let peer = harness.connect2(window: 0)
        peer.run()
        #expect(try #require(peer.connection).memoryUsed.now < 28 << 10)
        let long = (0..<40).map { "field-\($0): " + String(repeating: "v", count: 90) + "\($0)" }
        for number in 0..<16 { peer.submit("GET", harness.base + "/big.pgp", long.map { $0 + "\(number)" }) }
        for _ in 0..<40 { peer.ping() }
        peer.run()
        let most = try #require(peer.connection).memoryUsed.most
        #expect(most < 64 << 10, "\(most)")
    }

    @Test func whatIsNotHTTP2() {
        for text in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxxxxx", "\u{16}\u{3}\u{1}"] {
            let peer = harness.connect2()
            peer.stream.deliver(text)
            peer.stream.end()
            #expect(peer.stream.isClosed)
        }
        #expect(harness.server.openConnections == 0)
    }

    /// Damaged octets of real requests, the same in each run: no answer may be wrong, no connection stay.
    @Test func damagedOctets() throws {
        let good = harness.connect2()
        for path in ["/small.pgp", "", "/big.pgp", "/none"] { good.submit("GET", harness.base + path, ["range: bytes=0-9"]) }
        let octets = good.octets()
        var random = SystemRandom(state: 1)
        for _ in 0..<2000 {
            let stream = MemoryStream()
            harness.server.accept(stream, speaking: .http2)
            var damaged = octets
            for _ in 0..<Int(random.next() % 4 + 1) { damaged[24 + Int(random.next() % UInt64(octets.count - 24))] = UInt8(truncatingIfNeeded: random.next()) }
            stream.stride = Int(random.next() % 40 + 1)
            stream.deliver(damaged)
            stream.end()
            #expect(stream.isClosed)
        }
        #expect(harness.server.openConnections == 1)
    }
}

/// xorshift64*: the same numbers in each run.
private struct SystemRandom {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717 >> 32
    }
}
