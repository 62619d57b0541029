import HTTP
import System
import Testing
@testable import Server

private func get(_ path: String, _ fields: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n" }

/// docs/http.md, sections 1 and 5.
@Suite struct ConnectionTests {
    private let content = publicFile(1000)
    private let large = publicFile(100_000, seed: 3)

    private func harness() throws -> Harness { try Harness([("a.pgp", content, 1), ("large.pgp", large, 2)]) }

    @Test func keptAlive() throws {
        let harness = try harness()
        let stream = harness.connect()
        for _ in 0..<5 {
            stream.deliver(get(harness.base + "/a.pgp"))
            #expect(stream.responses().map(\.status) == [200])
        }
        #expect(!stream.isClosed && harness.server.counters.requests == 5 && harness.server.counters.succeeded == 5)
    }

    @Test func pipelinedInOrder() throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver(get(harness.base + "/a.pgp") + get(harness.base + "/large.pgp") + "\r\n" + get("/x") + "HEAD \(harness.base) HTTP/1.1\r\nHost: x\r\n\r\n")
        let responses = stream.responses()
        #expect(responses.prefix(3).map(\.status) == [200, 200, 404] && responses[0].body == content && responses[1].body == large)
        #expect(harness.server.counters.requests == 4)
    }

    /// However the octets are cut, the answers are the same.
    @Test(arguments: [1, 2, 7, 100])
    func inPieces(_ size: Int) throws {
        let harness = try harness()
        let stream = harness.connect()
        let requests = Array((get(harness.base + "/a.pgp") + get(harness.base + "/large.pgp", "Range: bytes=5-\r\n") + get("/")).utf8)
        var position = 0
        while position < requests.count {
            stream.deliver(Array(requests[position..<min(position + size, requests.count)]))
            position += size
        }
        let responses = stream.responses()
        #expect(responses.map(\.status) == [200, 206, 404] && responses[1].body == Array(large.dropFirst(5)))
    }

    /// While a response waits nothing is read, and what was read already waits too.
    @Test func backpressure() throws {
        let harness = try harness()
        let stream = harness.connect(room: 0)
        stream.deliver(get(harness.base + "/a.pgp") + get(harness.base + "/large.pgp") + get("/x"))
        #expect(stream.waiting == .sending && stream.outbox.isEmpty)
        let calls = stream.calls
        stream.deliver(get("/y"))
        #expect(stream.calls == calls, "not read while sending")
        var octets: [UInt8] = []
        while octets.isEmpty || Response.parse(octets).last?.body.elementsEqual("404 Not Found\n".utf8) != true || Response.parse(octets).count < 4 {
            stream.makeRoom(777)
            octets += stream.take()
            if octets.count > 200_000 { break }
        }
        let responses = Response.parse(octets)
        #expect(responses.map(\.status) == [200, 200, 404, 404] && responses[0].body == content && responses[1].body == large)
        #expect(stream.waiting == .receiving)
    }

    @Test func anIdleConnectionHoldsNothing() throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver(get(harness.base + "/large.pgp") + "GET")
        stream.deliver(" /x HTTP/1.1\r\nHost: x\r\n\r\n")
        let connection = try #require(stream.owner as? Connection)
        #expect(connection.isIdle && connection.keptOctets == 0)
    }

    @Test(arguments: [("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\nHost: x\n\n", 400), ("BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 501), ("GET / HTTP/2.0\r\n\r\n", 505),
                      ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400), ("GET /p2p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413),
                      ("GET /p2p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 413), ("GET /p2p HTTP/1.1\r\nHost: x\r\nExpect: x\r\nConnection: close\r\n\r\n", 417),
                      ("GET /p2p HTTP/1.0\r\n\r\n", 404), ("GET /\(String(repeating: "a", count: Bounds.requestHead)) HTTP/1.1\r\n", 414),
                      ("GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: Bounds.requestHead))\r\n\r\n", 431),
                      ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", 400), ("GET / HTTP/1.1\r\n" + String(repeating: "a:\r\n", count: 101) + "\r\n", 431)])
    func refusedAndClosed(_ text: String, _ status: Int) throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver(text + get("/smuggled"))
        let responses = stream.responses()
        #expect(responses.map(\.status) == [status] && responses[0].fields["connection"] == "close", "one answer, nothing behind it is a request")
        #expect(stream.isFinished && !stream.isClosed, "waits for the peer to close")
        stream.end()
        #expect(stream.isClosed && harness.server.openConnections == 0)
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
    func otherMethods(_ method: String) throws {
        let harness = try harness()
        for path in ["", "/a.pgp", "/missing.pgp", "/a.pgp.versions/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] {
            let response = try harness.request(method, harness.base + path)
            #expect(response.status == 405 && response.fields["allow"] == "GET, HEAD" && response.body.isEmpty && response.fields["content-length"] == "0")
        }
        #expect(try harness.request(method, "/p2p/0000000000000000000000000000000000000000").status == 405, "whoever that is")
        #expect(try harness.request(method, "/x").status == 404)
    }

    @Test func aBodyIsNotReadAsARequest() throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver("PUT \(harness.base)/a.pgp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 60\r\n\r\n" + get(harness.base + "/a.pgp"))
        #expect(stream.responses().map(\.status) == [405])
        #expect(stream.isFinished)
    }

    @Test func versionOne() throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver("GET \(harness.base)/a.pgp HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(stream.responses().first?.fields["connection"] == "keep-alive" && !stream.isFinished)
        stream.deliver("GET \(harness.base)/a.pgp HTTP/1.0\r\n\r\n")
        let last = stream.responses().first
        #expect(last?.fields["connection"] == "close" && last?.body == content && stream.isFinished)
    }

    @Test func truncated() throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver("GET / HTTP/1.1\r\nHo")
        stream.end()
        #expect(stream.responses().map(\.status) == [400] && stream.isClosed)
        let silent = harness.connect()
        silent.end()
        #expect(silent.outbox.isEmpty && silent.isClosed)
    }

    /// The peer has finished sending before it is answered.
    @Test func halfClosed() throws {
        let harness = try harness()
        let stream = harness.connect(room: 10)
        stream.deliver(get(harness.base + "/large.pgp"))
        stream.end()
        stream.makeRoom(.max)
        #expect(stream.responses().first?.body == large && stream.isClosed)
    }

    @Test func absoluteForm() throws {
        let harness = try harness()
        #expect(try harness.request("GET", "http://elsewhere" + harness.base + "/a.pgp").body == content)
        #expect(try harness.request("GET", "http://elsewhere").status == 404)
    }

    @Test func aBrokenStreamIsClosed() throws {
        let harness = try harness()
        for broken in [true, false] {
            let stream = harness.connect(room: 10)
            if broken { stream.deliver(get(harness.base + "/large.pgp")) }
            stream.hasFailed = true
            stream.turn()
            #expect(stream.isClosed)
        }
        #expect(harness.server.openConnections == 0)
    }

    /// Drained octets are bounded.
    @Test func aPeerThatGoesOnSendingIsCutOff() throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver("x\n")
        stream.deliver([UInt8](repeating: 0x61, count: Bounds.drainOctets + 1))
        #expect(stream.isClosed)
    }
}
