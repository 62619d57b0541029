import Content
import OpenPGP
import Streams
import System
import Testing
@testable import Server

/// Friends by fingerprint, as a test wants them.
final class TableOfRights: Rights {
    var friends: [(Fingerprint, [KeyID])] = [] { didSet { generation += 1 } }
    private(set) var generation: UInt64 = 1
    func keyIDs(of fingerprint: Fingerprint) -> [KeyID]? { friends.first { $0.0 == fingerprint }?.1 }
}

@Suite struct ViewerTests {
    let harness: Harness
    let rights = TableOfRights()
    let anna: Fingerprint, otto: Fingerprint
    /// The recipient of `privateFile(seed:)`.
    static func recipient(_ seed: UInt8) -> KeyID { KeyID(rawValue: 0x0102_0304_0506_0700 | UInt64(seed)) }

    init() throws {
        anna = try #require(Fingerprint(String(repeating: "a1", count: 20)))
        otto = try #require(Fingerprint(String(repeating: "b2", count: 20)))
        harness = try Harness([("public.pgp", publicFile(100), 1), ("for-anna.pgp", privateFile(seed: 1), 2), ("for-otto.pgp", privateFile(seed: 2), 3)])
        rights.friends = [(anna, [Self.recipient(1)]), (otto, [Self.recipient(2), .hidden])]
        harness.server.rights = rights
    }

    /// The whole response to one request as this peer, octet by octet.
    private func octets(_ peer: Fingerprint?, _ method: String, _ path: String, _ fields: String = "") -> [UInt8] {
        let stream = MemoryStream(peer: peer)
        harness.server.accept(stream)
        stream.deliver("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")
        stream.end()
        return stream.take()
    }

    private func names(_ peer: Fingerprint?, _ query: String = "") -> [String] {
        let body = Response.parse(octets(peer, "GET", harness.base + query)).first?.body.text ?? ""
        return body.split(separator: "\"").filter { $0.hasSuffix(".pgp") }.map { String($0.split(separator: "/").last ?? "") }
    }

    @Test func everyoneSeesTheirOwn() throws {
        #expect(names(nil) == ["public.pgp"])
        #expect(names(anna) == ["public.pgp", "for-anna.pgp"])
        #expect(names(otto) == ["public.pgp", "for-otto.pgp"])
        #expect(names(try #require(Fingerprint(String(repeating: "c3", count: 20)))) == ["public.pgp"])
        #expect(names(anna, "?limit=1") == ["public.pgp"])
        #expect(names(nil, "?limit=5") == ["public.pgp"])
        #expect(Response.parse(octets(anna, "GET", harness.base + "/for-anna.pgp")).first?.body == privateFile(seed: 1))
        #expect(Response.parse(octets(anna, "GET", harness.base + "/for-anna.pgp")).first?.fields["cache-control"] == "private, no-cache")
    }

    /// Whatever is asked in whatever way: a file for another is as one that does not exist, octet by octet.
    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "DELETE", "BREW"])
    func anothersFileDoesNotExist(_ method: String) throws {
        let path = harness.base + "/for-otto.pgp"
        let fields = ["", "Range: bytes=0-3\r\n", "If-None-Match: *\r\n", "If-Match: \"x\"\r\n", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "Content-Length: 5\r\n"]
        var seen: [[UInt8]] = []
        for field in fields { for peer in [anna, nil] { seen.append(octets(peer, method, path, field)) } }
        let sum = SHA256Sum(of: privateFile(seed: 2)).hexadecimal.text
        let version = octets(anna, "GET", path + ".version/" + sum)
        try harness.remove("for-otto.pgp")
        var missing: [[UInt8]] = []
        for field in fields { for peer in [anna, nil] { missing.append(octets(peer, method, path, field)) } }
        #expect(seen == missing)
        #expect(version == octets(anna, "GET", path + ".version/" + sum))
    }

    @Test func aRemovedFriendLosesRightsOnAnOpenConnection() throws {
        let stream = MemoryStream(peer: anna)
        harness.server.accept(stream)
        let request = "GET \(harness.base)/for-anna.pgp HTTP/1.1\r\nHost: x\r\n\r\n"
        stream.deliver(request)
        #expect(stream.responses().map { $0.status } == [200])
        rights.friends.removeFirst()
        stream.deliver(request)
        #expect(stream.responses().map { $0.status } == [404])
        stream.deliver("GET \(harness.base) HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(stream.responses().first?.body.text.contains("for-anna") == false)
        stream.end()
    }

    /// A file for a hidden recipient is nobody's, whatever key ids somebody has.
    @Test func hiddenRecipientsAreNobody() throws {
        try harness.add("hidden.pgp", [0xC1, 0x0D, 3, 0, 0, 0, 0, 0, 0, 0, 0, 18, 0, 1, 1] + [0xD2, 0x04, 1, 9, 2, 3], 4)
        #expect(!names(otto).contains("hidden.pgp") && !names(anna).contains("hidden.pgp"))
    }

    /// A stranger in the same house, or in the same /64, keeps no friend out.
    @Test func strangersOfANetworkKeepNoFriendOut() {
        let house = Network(prefix: 1, isIPv6: true)
        func connect(_ peer: Fingerprint?) -> MemoryStream {
            let stream = MemoryStream(network: house, peer: peer)
            harness.server.accept(stream)
            stream.deliver("GET / ")
            return stream
        }
        let strangers = (0..<Bounds.connectionsPerAddress).map { _ in connect(nil) }
        #expect(connect(nil).responses().first?.status == 503)
        let friends = (0..<Bounds.connectionsPerAddress).map { _ in connect(anna) }
        #expect((strangers + friends).allSatisfy { $0.take().isEmpty && !$0.isClosed })
        #expect(connect(anna).responses().first?.status == 503)
    }

    /// Strangers take all places but those kept for friends, and no friend's connection.
    @Test func placesAreKeptForFriends() throws {
        var limits = Server.Limits()
        limits.connections = 6
        limits.connectionsForFriends = 2
        let server = Server(store: harness.store, clock: harness.server.clock, loop: harness.loop, limits: limits)
        server.rights = rights
        defer { server.close() }
        func connect(_ peer: Fingerprint?, busy: Bool = true) -> MemoryStream {
            let stream = MemoryStream(peer: peer)
            server.accept(stream)
            if busy { stream.deliver("GET / ") }
            return stream
        }
        let strangers = (0..<4).map { _ in connect(nil) }
        #expect(connect(nil).responses().first?.status == 503)
        let friends = [connect(anna, busy: false), connect(otto, busy: false)]
        #expect(friends.allSatisfy { $0.take().isEmpty && !$0.isClosed } && strangers.allSatisfy { !$0.isClosed })
        #expect(connect(nil).responses().first?.status == 503, "an idle friend made room for a stranger")
        #expect(connect(anna).take().isEmpty, "an idle friend makes room for a friend")
    }
}

private extension String {
    func contains(_ other: String) -> Bool { utf8.indices.contains { utf8[$0...].starts(with: other.utf8) } }
}
