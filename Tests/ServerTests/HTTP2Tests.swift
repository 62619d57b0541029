import CNghttp2
import OpenPGP
import System
import Testing
@testable import Server

extension Harness {
    /// A new connection that speaks HTTP/2.
    func connect2(peer: Fingerprint? = nil, room: Int = .max, window: Int32 = 1 << 24, asksForMore: Bool = true) -> HTTP2Peer {
        let stream = MemoryStream(room: room, peer: peer)
        server.accept(stream, speaking: .http2)
        return HTTP2Peer(stream, window: window, asksForMore: asksForMore)
    }
}

extension HTTP2Peer {
    var connection: HTTP2Connection? { stream.owner as? HTTP2Connection }
}

/// docs/http.md, section 7: what HTTP/1.1 answers, over HTTP/2.
@Suite struct HTTP2Tests {
    let harness: Harness
    static let big = publicFile(3_000_000)

    init() throws {
        harness = try Harness([("small.pgp", publicFile(100), second(1000)), ("middle.pgp", publicFile(20_000), second(1001)), ("big.pgp", Self.big, second(1002)),
                               ("private.pgp", privateFile(seed: 1), second(1003))])
    }

    /// Status, fields in their order and body are the same, whichever version asks.
    @Test(arguments: [("GET", "/small.pgp", []), ("HEAD", "/small.pgp", []), ("GET", "/middle.pgp", []), ("GET", "", []), ("HEAD", "", []), ("GET", "?limit=1", []),
                      ("GET", "?limit=2&after=1000000000000-" + String(repeating: "0", count: 64), []), ("GET", "?limit=x", []), ("GET", "/none.pgp", []), ("HEAD", "/none.pgp", []),
                      ("GET", "/private.pgp", []), ("GET", "/%2F", []), ("GET", "/small.pgp", ["Range: bytes=10-19"]), ("GET", "/big.pgp", ["Range: bytes=-70000"]),
                      ("GET", "/small.pgp", ["Range: bytes=100-"]), ("GET", "/small.pgp", ["If-None-Match: *"]), ("GET", "/small.pgp", ["If-Match: \"x\""]),
                      ("GET", "", ["If-Modified-Since: Thu, 01 Jan 1970 00:16:41 GMT"]), ("POST", "", []), ("BREW", "", []), ("OPTIONS", "/small.pgp", []),
                      ("GET", "/small.pgp", ["Expect: tea"])] as [(String, String, [String])])
    func sameAnswerAsHTTP1(_ method: String, _ path: String, _ fields: [String]) throws {
        let stream = harness.connect()
        stream.deliver("\(method) \(harness.base)\(path) HTTP/1.1\r\nHost: x\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        let octets = stream.take()
        let end = try #require(octets.indices.first { octets[$0...].starts(with: Array("\r\n\r\n".utf8)) })
        let lines = String(decoding: octets[..<end], as: UTF8.self).split(separator: "\r\n")
        let expected = [":status: " + lines[0].split(separator: " ")[1]] + lines.dropFirst().compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return parts[0] == "Connection" ? nil : parts[0].lowercased() + ":" + parts[1]
        }
        let answer = harness.connect2().request(method, harness.base + path, fields)
        #expect(answer.fields == expected && answer.isComplete && answer.reset == nil)
        #expect(answer.body == Array(octets[(end + 4)...]))
    }

    @Test func manyAtOnceInPieces() throws {
        let peer = harness.connect2()
        peer.stream.stride = 1000
        let paths = ["/big.pgp", "", "/middle.pgp", "/small.pgp", "/none.pgp"]
        let streams = (0..<15).map { peer.submit("GET", harness.base + paths[$0 % 5]) }
        peer.run()
        for (index, stream) in streams.enumerated() {
            let answer = try #require(peer.answers[stream]), other = try harness.request("GET", harness.base + paths[index % 5])
            #expect(answer.isComplete && answer.status == other.status && answer.body == other.body)
        }
        #expect(peer.connection?.isIdle == true)
        #expect(peer.settings == [3: 16, 4: 16384, 6: 8192, 9: 1])
    }

    @Test func whoNoRecipientIsSeesNothing() throws {
        let anna = try #require(Fingerprint(String(repeating: "a1", count: 20)))
        let rights = TableOfRights()
        rights.friends = [(anna, [ViewerTests.recipient(1)])]
        harness.server.rights = rights
        let friend = harness.connect2(peer: anna), stranger = harness.connect2()
        #expect(friend.request("GET", harness.base + "/private.pgp").body == privateFile(seed: 1))
        let fields = [[], ["range: bytes=0-3"], ["if-none-match: *"], ["if-match: \"x\""]]
        for method in ["GET", "HEAD", "POST", "BREW"] {
            for field in fields {
                let hidden = stranger.request(method, harness.base + "/private.pgp", field), missing = stranger.request(method, harness.base + "/privatE.pgp", field)
                #expect(hidden == missing)
            }
        }
        rights.friends = []
        #expect(friend.request("GET", harness.base + "/private.pgp") == stranger.request("GET", harness.base + "/private.pgp"))
        #expect(friend.request("GET", harness.base).body == stranger.request("GET", harness.base).body)
    }

    @Test func contentIsNotTaken() {
        let peer = harness.connect2()
        let answer = peer.request("GET", harness.base, content: Array(repeating: 1, count: 100_000))
        #expect(answer.status == 413 && answer.isComplete && answer.reset == NGHTTP2_NO_ERROR.rawValue)
        let small = peer.request("POST", harness.base, content: [1, 2, 3])
        #expect(small.status == 405 && small.reset == nil)
        #expect(peer.request("GET", harness.base, ["content-length: 0"], content: []).status == 200)
        #expect(peer.request("GET", harness.base).status == 200, "the connection goes on")
        #expect(peer.connection?.isIdle == true)
    }

    @Test func headsThatAreRefused() {
        let peer = harness.connect2()
        let long = String(repeating: "a", count: 5000)
        #expect(peer.request("GET", harness.base, ["a: " + long, "b: " + long]).status == 431)
        #expect(peer.request("GET", "/" + long + long).status == 414)
        #expect(peer.request("HEAD", "/" + long + long).body.isEmpty)
        #expect(peer.request("GET", harness.base, (0...100).map { "f\($0): x" }).status == 431)
        #expect(peer.request("GET", harness.base, authority: nil).reset == NGHTTP2_PROTOCOL_ERROR.rawValue)
        #expect(peer.request("GET", harness.base, ["host: y"], authority: nil).status == 200)
        #expect(peer.request("GET", harness.base, ["host: x"]).status == 200)
        #expect(peer.request("GET", harness.base, ["host: y"]).status == 400)
        #expect(peer.request("GET", harness.base + "/\u{e4}").status == 400)
        #expect(peer.request("GET", harness.base).status == 200)
    }

    @Test func aFileThatChangedInPlace() throws {
        let peer = harness.connect2(window: 1000, asksForMore: false)
        let id = peer.submit("GET", harness.base + "/big.pgp")
        peer.run()
        #expect(peer.answers[id]?.body.count == 1000)
        _ = try Files.write([], to: harness.root + "/" + Harness.fingerprint + "/big.pgp")
        peer.askForMore(id, 100)
        peer.run()
        #expect(peer.answers[id]?.reset == NGHTTP2_INTERNAL_ERROR.rawValue)
        #expect(peer.request("GET", harness.base + "/small.pgp").status == 200)
    }

    @Test func outdatedListingsAreGivenUp() throws {
        let peer = harness.connect2(window: 10, asksForMore: false)
        let id = peer.submit("GET", harness.base)
        peer.run()
        try harness.add("new.pgp", publicFile(100, seed: 1), second(2000))
        #expect(!harness.server.abortSlowestListing(), "nobody has asked since: it is not known to be outdated")
        _ = try harness.request("GET", harness.base)
        #expect(harness.server.abortSlowestListing())
        peer.stream.turn()
        peer.run()
        #expect(peer.answers[id]?.reset == NGHTTP2_INTERNAL_ERROR.rawValue && peer.answers[id]?.isComplete == false)
    }

    /// At most 16 KiB of what a peer does not read are in memory, and nothing when it has read them.
    @Test func aSlowReader() throws {
        let peer = harness.connect2(room: 5000)
        let id = peer.submit("GET", harness.base + "/big.pgp")
        peer.stream.deliver(peer.octets())
        #expect(peer.stream.waiting == .sending)
        while !(peer.answers[id]?.isComplete ?? false) {
            peer.stream.makeRoom(70_000)
            #expect(peer.connection.map { $0.keptOctets <= 17_408 } == true)
            peer.run()
        }
        #expect(peer.answers[id]?.body == Self.big && peer.connection?.keptOctets == 0)
    }

    /// A cancelled response stops, though the stream takes everything.
    @Test func aCancelledResponse() {
        let peer = harness.connect2(room: 500_000)
        let id = peer.submit("GET", harness.base + "/big.pgp")
        peer.stream.deliver(peer.octets())
        peer.take()
        peer.reset(id)
        peer.stream.deliver(peer.octets())
        peer.stream.makeRoom(.max)
        peer.take()
        #expect(peer.bodyOctets < 600_000 && peer.connection?.isIdle == true)
        #expect(peer.request("GET", harness.base + "/small.pgp").status == 200)
    }
}
