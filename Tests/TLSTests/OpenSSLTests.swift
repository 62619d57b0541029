import CLinux
import EventLoop
import Glibc
import OpenPGP
import Streams
import System
import Testing
@testable import TLS

/// OpenSSL is the other end: with certificates made without our code (Tests/EndToEnd/certificates.py).
@Suite(.serialized) struct OpenSSLTests {
    let loop: EventLoop

    init() throws { loop = try EventLoop(clock: SystemClock()) }

    private func context(_ user: String) throws -> TLSContext { try TLSContext(key: try signingKey(user), protocols: [.http1], loop: loop) }

    /// A program whose output the loop collects.
    private final class Program {
        let pid: Int32
        var output: [UInt8] = []
        var hasEnded = false
        private let descriptor: Int32
        private let loop: EventLoop

        init(_ words: [String], _ loop: EventLoop) throws {
            var pointers: [UnsafePointer<CChar>?] = words.map { UnsafePointer(strdup($0)) }
            pointers.append(nil)
            defer { for pointer in pointers { free(UnsafeMutableRawPointer(mutating: pointer)) } }
            var descriptor: Int32 = -1
            pid = maud_spawn(pointers, &descriptor)
            self.descriptor = descriptor
            self.loop = loop
            try #require(pid > 0)
            try loop.add(descriptor, .read) { [unowned self] _ in
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = maud_read(descriptor, &buffer, buffer.count)
                if count > 0 { output += buffer[..<count] } else if count == 0 { hasEnded = true; loop.remove(descriptor) }
            }
        }

        func end() -> Int32 {
            _ = maud_kill(-pid, SIGTERM)
            if !hasEnded { loop.remove(descriptor) }
            _ = maud_close(descriptor)
            return maud_wait(pid)
        }
    }

    /// Turns the loop until `condition` holds; fails after 20 seconds.
    private func turn(until condition: () -> Bool) throws {
        let deadline = loop.now + 20 * nanosecondsPerSecond
        let tick = Timer {}
        while !condition() {
            try #require(loop.now < deadline, "nothing happened for 20 s")
            if !tick.isScheduled { loop.schedule(tick, after: 50_000_000) }
            try loop.runOnce(wait: true)
        }
        loop.cancel(tick)
    }

    private func freePort() throws -> UInt16 {
        let socket = FileDescriptor(owning: try check(maud_listen("127.0.0.1", 0, 1), "listen"))
        return UInt16(maud_local_port(socket.rawValue))
    }

    /// How our client fares with `openssl s_server` and that certificate.
    private func visit(_ pem: String, expecting user: String, as own: String = "gina", _ options: [String] = []) throws -> (TLSError?, TLSStream) {
        let port = try freePort()
        let path = fixturePath("tls/\(pem).pem")
        let server = try Program(["/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert", path, "-key", path, "-cert_chain", path,
                                  "-Verify", "1", "-www"] + options, loop)
        defer { _ = server.end() }
        try turn { server.output.text.contains("ACCEPT") || server.hasEnded }
        let stream = TLSStream(over: try TCPStream(connectingTo: "127.0.0.1", port: port, loop: loop), .client(fingerprint(user)), context: try context(own))
        var result: TLSError??
        stream.start { result = .some($0) }
        try turn { result != nil }
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
        let stream = TLSStream(over: try TCPStream(connectingTo: "127.0.0.1", port: try freePort(), loop: loop), .client(fingerprint("alice")), context: try context("gina"))
        var result: TLSError??
        stream.start { result = .some($0) }
        try turn { result != nil }
        #expect(result == .some(.carrier))
        stream.close()
    }
}

private extension String {
    func contains(_ other: String) -> Bool { utf8.indices.contains { utf8[$0...].starts(with: other.utf8) } }
}
