import EventLoop
import OpenPGP
import Streams
import System
import Testing
@testable import TLS


/// Both ends are ours here; OpenSSL is the other end in OpenSSLTests and in the end-to-end tests.
@Suite struct TLSStreamTests {
    let loop: EventLoop

    init() throws { loop = try EventLoop(clock: SimulatedClock()) }

    private func context(_ user: String, _ protocols: [ApplicationProtocol] = [.http1]) throws -> TLSContext {
        try TLSContext(key: try signingKey(user), protocols: protocols, clientProtocols: protocols, loop: loop)
    }

    private func meeting(_ server: String, _ client: String, expecting: String? = nil) throws -> Meeting {
        let meeting = try Meeting(server: try context(server), client: try context(client), expecting: expecting.map { fingerprint($0) })
        meeting.loops = [loop]
        return meeting
    }

    @Test(arguments: [("alice", "gina"), ("carol", "gina"), ("alice", "carol"), ("leading-zero", "leading-zero")])
    func eachKnowsTheOther(_ server: String, _ client: String) throws {
        let meeting = try meeting(server, client)
        meeting.begin()
        #expect(meeting.server.isOpen && meeting.client.isOpen)
        #expect(meeting.server.stream.peerFingerprint == fingerprint(client))
        #expect(meeting.client.stream.peerFingerprint == fingerprint(server))
        #expect(meeting.server.stream.applicationProtocol == .http1 && !meeting.server.stream.isResumed)
        meeting.client.send(Array("question".utf8))
        meeting.run()
        #expect(meeting.server.received == Array("question".utf8))
        meeting.server.send(Array("answer".utf8))
        meeting.server.stream.finishSending()
        meeting.run()
        #expect(meeting.client.received == Array("answer".utf8) && meeting.client.hasEnded)
    }

    @Test func clientRefusesAnotherServer() throws {
        let meeting = try meeting("alice", "gina", expecting: "carol")
        meeting.begin()
        #expect(meeting.client.error == .wrongPeer && meeting.client.stream.peerFingerprint == nil)
        #expect(!meeting.server.isOpen && meeting.server.stream.peerFingerprint == nil)
        #expect(meeting.server.error != nil)
    }

    /// Somebody's certificate, and a key of one's own to sign with.
    @Test func certificateWithoutItsKey() throws {
        let key = try signingKey("alice")
        let thief = try TLSContext(key: key, protocols: [.http1], loop: loop)
        try fixture("secret/gina.gpg").withUnsafeBytes { try key.fill(fromExport: $0) }
        let asServer = try Meeting(server: thief, client: try context("carol"), expecting: fingerprint("alice"))
        asServer.begin()
        #expect(asServer.client.error != nil && asServer.client.stream.peerFingerprint == nil)
        let asClient = try Meeting(server: try context("carol"), client: thief)
        asClient.begin()
        #expect(asClient.server.error != nil && asClient.server.stream.peerFingerprint == nil)
    }

    @Test func http2IsPreferredWhereBothKnowIt() throws {
        let meeting = try Meeting(server: try context("alice", [.http2, .http1]), client: try context("gina", [.http2, .http1]))
        meeting.begin()
        #expect(meeting.client.stream.applicationProtocol == .http2 && meeting.server.stream.applicationProtocol == .http2)
        let other = try Meeting(server: try context("alice", [.http2, .http1]), client: try context("gina", [.http1]))
        other.begin()
        #expect(other.server.stream.applicationProtocol == .http1)
        let none = try Meeting(server: try context("alice", [.http2]), client: try context("gina", [.http1]))
        none.begin()
        #expect(none.server.error == .nothingCommon && none.client.error == .alert)
    }

    /// A megabyte each way through a carrier that takes a few octets at a time, read in small pieces.
    @Test func slowCarrier() throws {
        let meeting = try meeting("alice", "gina")
        meeting.server.carrier.stride = 1000
        meeting.client.carrier.stride = 777
        meeting.server.appetite = 5000
        meeting.client.appetite = 3000
        meeting.begin()
        #expect(meeting.server.isOpen && meeting.client.isOpen)
        let octets = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 7 ^ $0 >> 8) }
        meeting.client.carrier.room = 0
        meeting.server.send(octets)
        #expect(!meeting.server.outgoing.isEmpty)
        while meeting.client.received.count < octets.count, !meeting.client.hasFailed {
            meeting.client.carrier.room = 10_001
            meeting.run()
        }
        meeting.client.carrier.room = .max
        meeting.run()
        #expect(meeting.client.received == octets)
        meeting.client.send(octets)
        meeting.run()
        #expect(meeting.server.received == octets && meeting.server.outgoing.isEmpty)
    }

    /// Octets that Mbed TLS holds already are told of though the carrier has none: the owner reads less than a record.
    @Test func octetsInMemoryAreToldOf() throws {
        let meeting = try meeting("alice", "gina")
        meeting.begin()
        meeting.server.appetite = 10
        meeting.client.send([UInt8](repeating: 7, count: 1000))
        meeting.run()
        #expect(meeting.server.received == [UInt8](repeating: 7, count: 1000))
    }

    /// One octet changed anywhere in what a side sends: no handshake, no octets, no crash.
    @Test(arguments: [true, false])
    func tampered(_ byServer: Bool) throws {
        let whole = try meeting("alice", "gina")
        whole.begin()
        let total = byServer ? whole.server.carrier.sent : whole.client.carrier.sent
        for position in stride(from: 0, to: total, by: 13) {
            let meeting = try meeting("alice", "gina")
            var sent = 0
            (byServer ? meeting.server : meeting.client).carrier.tamper = { octets in
                if (sent..<sent + octets.count).contains(position) { octets[position - sent] ^= 0x40 }
                sent += octets.count
            }
            meeting.begin()
            meeting.client.send([1, 2, 3])
            meeting.run()
            // A record's own version number (octets 1 and 2) means nothing (RFC 8446, section 5.1); neither do the server's ticket and the
            // empty change of cipher. All else breaks it.
            if meeting.server.received == [1, 2, 3] { #expect(meeting.server.stream.peerFingerprint == fingerprint("gina")) }
            else { #expect(meeting.server.received.isEmpty) }
            #expect(meeting.server.stream.peerFingerprint == nil || meeting.server.stream.peerFingerprint == fingerprint("gina"))
        }
    }

    /// The carrier ends after each length: both say so and wait for nothing.
    @Test func truncated() throws {
        let whole = try meeting("alice", "gina")
        whole.begin()
        for length in stride(from: 0, to: whole.client.carrier.sent, by: 29) {
            let meeting = try meeting("alice", "gina")
            meeting.server.carrier.room = length
            meeting.begin()
            meeting.server.carrier.hasEnded = true
            meeting.run()
            #expect(!meeting.server.isOpen && meeting.server.error == .carrier && meeting.server.stream.peerFingerprint == nil, "\(length) octets")
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", TLSError.notTLS), (String(repeating: "\u{16}\u{03}\u{01}\u{7F}", count: 10_000), .notTLS),
        ("SSH-2.0-OpenSSH_9.2\r\n", .notTLS),
    ])
    func otherProtocols(_ text: String, _ error: TLSError) throws {
        let (a, b) = MemoryEnd.pair()
        let side = Side(a, .server, try context("alice"))
        side.start()
        let octets = Array(text.utf8)
        _ = octets.withUnsafeBytes { b.send($0, more: false) }
        while a.isReady, let owner = a.owner { owner.streamIsReady() }
        #expect(side.error == error)
    }

    /// A record longer than TLS allows: refused at once.
    @Test func oversizedRecord() throws {
        #expect(try answer(to: [[0x16, 3, 1, 0x45, 0x00] + [UInt8](repeating: 1, count: 0x4500)]) == .notTLS)
    }

    /// A handshake message that claims 16 MiB, in records as long as they may be: refused when it is longer than the one buffer.
    @Test func oversizedMessage() throws {
        let first: [UInt8] = [0x16, 3, 1, 0x40, 0x00, 1, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 0x3FFC)
        let more: [UInt8] = [0x16, 3, 1, 0x40, 0x00] + [UInt8](repeating: 1, count: 0x4000)
        #expect(try answer(to: [first, more]) == .notTLS)
    }

    /// What a server says to octets from a stranger.
    private func answer(to pieces: [[UInt8]]) throws -> TLSError? {
        let (a, b) = MemoryEnd.pair()
        let side = Side(a, .server, try context("alice"))
        side.start()
        for octets in pieces {
            _ = octets.withUnsafeBytes { b.send($0, more: false) }
            while a.isReady, let owner = a.owner { owner.streamIsReady() }
        }
        return side.error
    }

    /// A connection that is given up in the middle of anything takes nothing with it.
    @Test func closingAtAnyTime() throws {
        let meeting = try meeting("alice", "gina")
        meeting.server.start()
        meeting.client.start()
        meeting.client.stream.close()
        meeting.run()
        #expect(meeting.server.error == .carrier && meeting.client.result == nil)
        let second = try self.meeting("alice", "gina")
        second.begin()
        second.client.stream.close()
        second.run()
        #expect(second.server.hasEnded)
    }
}
