import CLinux
import EventLoop
import Glibc
import OpenPGP
import Streams
import System
import Testing
@testable import TLS

/// `openssl s_client` talks to our server: with certificates made without our code (Tests/EndToEnd/certificates.py).
@Suite(.serialized) struct OpenSSLClientTests {
    private let bench: Workbench
    private var loop: EventLoop { bench.loop }

    init() throws { bench = try Workbench() }

    /// How our stream fared, and what the client printed.
    private struct Visit {
        var error: TLSError?
        var peer: Fingerprint?
        var isResumed = false
        var output = ""
    }

    /// Serves one client.
    private func serve(_ context: TLSContext, _ options: [String]) throws -> Visit {
        let socket = FileDescriptor(owning: try check(maud_listen("127.0.0.1", 0, 1), "listen"))
        let number = socket.rawValue
        var stream: TLSStream?
        var result: TLSError??
        try loop.add(number, .read) { [loop] _ in
            var address = maud_address()
            let accepted = maud_accept(number, &address)
            guard accepted >= 0, stream == nil, let carrier = try? TCPStream(owning: FileDescriptor(owning: accepted), from: address, loop: loop) else { return }
            stream = TLSStream(over: carrier, .server, context: context)
            stream?.start { result = .some($0) }
        }
        defer { loop.remove(number) }
        // -ign_eof: its input is empty, and it stays until the server ends the connection.
        let client = try Program(["/usr/bin/openssl", "s_client", "-connect", "127.0.0.1:\(maud_local_port(number))", "-ign_eof"] + options, loop)
        defer { _ = client.end() }
        try bench.turn { result != nil }
        var visit = Visit(error: result ?? nil, peer: stream?.peerFingerprint, isResumed: stream?.isResumed ?? false)
        stream?.close()
        try bench.turn { client.hasEnded }
        visit.output = client.output.text
        return visit
    }

    private func certificate(_ pem: String) -> [String] {
        let path = fixturePath("tls/\(pem).pem")
        return ["-cert", path, "-key", path, "-cert_chain", path]
    }

    @Test(arguments: [("alice", "gina"), ("alice", "carol"), ("carol", "alice")])
    func aPeer(_ own: String, _ peer: String) throws {
        let visit = try serve(try bench.context(own), certificate(peer))
        #expect(visit.error == nil && visit.peer == fingerprint(peer) && !visit.isResumed)
    }

    @Test func nobodyInParticular() throws {
        let visit = try serve(try bench.context("alice"), ["-alpn", "http/1.1"])
        #expect(visit.error == nil && visit.peer == nil && visit.output.contains("ALPN protocol: http/1.1"))
    }

    /// A name that claims to be somebody makes nobody of it; with a key of a kind that OpenPGP does not have here there is no connection.
    @Test func forgers() throws {
        let visit = try serve(try bench.context("gina"), certificate("forged-name"))
        #expect(visit.error == nil && visit.peer != nil && visit.peer != fingerprint("alice"))
        let chain = try serve(try bench.context("gina"), certificate("forged-chain"))
        #expect(chain.peer == nil)
    }

    @Test(arguments: ["-tls1_2", "-tls1_1"])
    func oldClients(_ version: String) throws {
        #expect(try serve(try bench.context("alice"), [version, "-cipher", "ALL:@SECLEVEL=0"]).error == .version)
    }

    @Test(arguments: [
        ("X25519", "TLS_AES_128_GCM_SHA256"), ("P-256", "TLS_CHACHA20_POLY1305_SHA256"), ("P-384:X25519", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"),
    ])
    func choices(_ groups: String, _ suites: String) throws {
        #expect(try serve(try bench.context("alice"), ["-groups", groups, "-ciphersuites", suites]).error == nil)
    }

    @Test(arguments: [("P-384", "TLS_AES_128_GCM_SHA256"), ("X25519", "TLS_AES_256_GCM_SHA384")])
    func nothingInCommon(_ groups: String, _ suites: String) throws {
        #expect(try serve(try bench.context("alice"), ["-groups", groups, "-ciphersuites", suites]).error == .nothingCommon)
    }

    // MARK: Tickets

    private let session = "/tmp/maud-test-session-\(getpid())"

    /// The peer that a ticket brings back is the one that proved its key, whatever certificate comes along now.
    @Test func ticketKeepsThePeer() throws {
        defer { unlink(session) }
        let server = try bench.context("alice")
        #expect(try serve(server, certificate("gina") + ["-sess_out", session]).peer == fingerprint("gina"))
        let again = try serve(server, certificate("carol") + ["-sess_in", session])
        #expect(again.isResumed && again.peer == fingerprint("gina") && again.output.contains("Reused"))
        // Another process of the same identity has another key: a full handshake.
        let other = try serve(try bench.context("alice"), certificate("carol") + ["-sess_in", session])
        #expect(!other.isResumed && other.peer == fingerprint("carol"))
    }

    @Test func ticketOfNobodyMakesNobody() throws {
        defer { unlink(session) }
        let server = try bench.context("alice")
        #expect(try serve(server, ["-sess_out", session]).peer == nil)
        let again = try serve(server, ["-sess_in", session])
        #expect(again.isResumed && again.peer == nil)
    }

    /// A day after the signature it is over, though tickets were renewed in between.
    @Test func ticketsLastADay() throws {
        defer { unlink(session) }
        let server = try bench.context("alice")
        server.setTicketClock(1000)
        _ = try serve(server, certificate("gina") + ["-sess_out", session])
        server.setTicketClock(1000 + 50_000)
        let renewed = try serve(server, certificate("carol") + ["-sess_in", session, "-sess_out", session])
        #expect(renewed.isResumed && renewed.peer == fingerprint("gina"))
        server.setTicketClock(1000 + 86_399)
        #expect(try serve(server, certificate("carol") + ["-sess_in", session]).isResumed)
        server.setTicketClock(1000 + 86_400)
        let late = try serve(server, certificate("carol") + ["-sess_in", session])
        #expect(!late.isResumed && late.peer == fingerprint("carol"))
    }

    /// Keys change: yesterday's still opens a ticket, that of the day before is forgotten.
    @Test func ticketKeysChange() throws {
        defer { unlink(session) }
        let server = try bench.context("alice")
        server.setTicketClock(0)
        _ = try serve(server, certificate("gina"))
        server.setTicketClock(80_000)
        _ = try serve(server, certificate("gina") + ["-sess_out", session])
        server.setTicketClock(100_000)
        #expect(try serve(server, certificate("carol") + ["-sess_in", session]).peer == fingerprint("gina"))
        server.setTicketClock(180_000)
        #expect(try serve(server, certificate("carol") + ["-sess_in", session]).peer == fingerprint("carol"))
    }
}
