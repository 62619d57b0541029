import EventLoop
import OpenPGP
import Streams
import System
import Testing
@testable import TLS

/// OpenSSL is the other end: with certificates made without our code (Tests/EndToEnd/certificates.py).
@Suite(.serialized) struct OpenSSLServerTests {
    private let bench: Workbench
    private var loop: EventLoop { bench.loop }

    init() throws { bench = try Workbench() }

    /// How our client fares with `openssl s_server` and that certificate.
    private func visit(_ pem: String, expecting user: String, as own: String = "gina", _ options: [String] = []) throws -> (TLSError?, TLSStream) {
        let port = try bench.freePort()
        let path = fixturePath("tls/\(pem).pem")
        let server = try Program(["/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert", path, "-key", path, "-cert_chain", path,
                                  "-Verify", "1", "-www"] + options, loop)
        defer { _ = server.end() }
        try bench.turn { server.output.text.contains("ACCEPT") || server.hasEnded }
        let stream = TLSStream(over: try TCPStream(connectingTo: "127.0.0.1", port: port, loop: loop), .client(fingerprint(user)), context: try bench.context(own))
        var result: TLSError??
        stream.start { result = .some($0) }
        try bench.turn { result != nil }
        return (result ?? nil, stream)
    }

    @Test(arguments: [("alice", "gina"), ("carol", "gina"), ("gina", "carol")])
    func clientAndTheRightServer(_ server: String, _ own: String) throws {
        let (error, stream) = try visit(server, expecting: server, as: own)
        #expect(error == nil && stream.peerFingerprint == fingerprint(server))
        stream.close()
    }

    /// Another identity; a key of one's own under the victim's name; that with the victim's certificate behind it.
    @Test(arguments: [("carol", TLSError.wrongPeer), ("forged-name", .wrongPeer), ("forged-chain", .nothingCommon)])
    func clientAndTheWrongServer(_ pem: String, _ expected: TLSError) throws {
        let (error, stream) = try visit(pem, expecting: "alice")
        #expect(stream.peerFingerprint == nil)
        // A server with an ECDSA key alone finds no signature scheme in common, and says so by an alert.
        #expect(error == expected || (expected == .nothingCommon && error == .alert))
        stream.close()
    }

    @Test func clientAndAnOldServer() throws {
        let (error, stream) = try visit("alice", expecting: "alice", ["-no_tls1_3"])
        #expect(error == .version || error == .alert)
        stream.close()
    }

    @Test func clientAndNobody() throws {
        let stream = TLSStream(over: try TCPStream(connectingTo: "127.0.0.1", port: try bench.freePort(), loop: loop), .client(fingerprint("alice")), context: try bench.context("gina"))
        var result: TLSError??
        stream.start { result = .some($0) }
        try bench.turn { result != nil }
        #expect(result == .some(.carrier))
        stream.close()
    }
}
