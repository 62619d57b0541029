import CNghttp2
import HTTP
import OpenPGP
import System
import Testing
@testable import Server

/// PUT over HTTP/2: the answers of HTTP/1.1, and what only a stream can do (docs/http.md, 2.7 and 7).
@Suite struct HTTP2UploadTests {
    private let harness: Harness
    private let receiver = FakeReceiver()
    private let path = "/p2p/0123456789abcdef0123456789abcdef01234567/c.pgp"

    init() throws {
        harness = try Harness([("small.pgp", publicFile(100), second(1000))])
        harness.server.receiver = receiver
    }

    /// A place whose end can be seen, given to the next PUT.
    private func watchedPlace() -> () -> Bool {
        let place = FakeReceiver.Place()
        receiver.admission = .place(place)
        return { [weak place] in place != nil }
    }

    private func put(_ peer: HTTP2Peer, _ content: String = "hello", _ fields: String...) -> HTTP2Peer.Answer {
        peer.request("PUT", path, ["content-length: \(content.utf8.count)"] + fields, content: Array(content.utf8))
    }

    @Test func theSameAnswersAsHTTP1() throws {
        for status: Status in [.created, .ok, .badRequest, .forbidden, .conflict, .unprocessableContent, .tooManyRequests, .serviceUnavailable] {
            for prefer in ["return=representation", "return=minimal"] {
                receiver.result = UploadResult(status, retryAfter: 5, representation: Array("the answer".utf8))
                let stream = harness.connect()
                stream.deliver("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nPrefer: \(prefer)\r\n\r\nhello")
                let expected = try #require(stream.responses().first), peer = harness.connect2()
                let answer = put(peer, "hello", "prefer: " + prefer)
                #expect(answer.status == status.rawValue && answer.status == expected.status && answer.body == expected.body && answer.isComplete)
                for (name, value) in expected.fields where name != "connection" { #expect(answer[name] == value) }
                #expect(peer.connection?.isIdle == true && answer.reset == nil)
            }
        }
        #expect(receiver.received.allSatisfy { $0.file.text == "hello" && $0.name == "c.pgp" })
    }

    @Test func itMayComeInPieces() {
        let peer = harness.connect2()
        let id = peer.submit("PUT", path, ["content-length: 5"], content: [], isWhole: false)
        for octet in "hell".utf8 {
            peer.give(id, [octet])
            peer.run()
            #expect(peer.answers[id] == nil && receiver.received.isEmpty)
        }
        peer.give(id, Array("o".utf8))
        peer.run()
        #expect(peer.answers[id]?.status == 201 && receiver.received.map { $0.file.text } == ["hello"], "all of it is there, whether or not the stream has ended")
        peer.give(id, [], isWhole: true)
        peer.run()
        #expect(peer.connection?.isIdle == true && peer.answers[id]?.reset == nil)
    }

    @Test func theLargestFitsIntoTheWindow() {
        let peer = harness.connect2()
        let content = String(repeating: "x", count: Bounds.commandFile)
        for _ in 0..<5 { #expect(put(peer, content).status == 201) }
        #expect(receiver.received.map { $0.file.count } == Array(repeating: Bounds.commandFile, count: 5))
    }

    @Test func refusedBeforeItsContentIsRead() {
        let peer = harness.connect2()
        #expect(peer.request("PUT", path, content: Array("hello".utf8)).status == 411)
        #expect(peer.request("PUT", path).status == 400, "no content at all")
        #expect(peer.request("PUT", path, ["content-length: 0"], content: []).status == 400)
        let large = peer.request("PUT", path, ["content-length: 100000"], content: Array(repeating: 1, count: 100_000))
        #expect(large.status == 413 && large.reset == NGHTTP2_NO_ERROR.rawValue)
        for other in ["/p2p/" + Harness.fingerprint + "/c.pgp", "/p2p/0123456789abcdef0123456789abcdef01234567", path + ".txt"] {
            #expect(peer.request("PUT", other, ["content-length: 1"], content: [1]).status == 405)
        }
        #expect(peer.request("PUT", "/p2p/..%2fc.pgp", ["content-length: 1"], content: [1]).status == 404)
        receiver.admission = .busy
        #expect(put(peer)["retry-after"] == "1")
        receiver.admission = .later(17)
        let later = put(peer)
        #expect(later.status == 429 && later["retry-after"] == "17")
        #expect(receiver.received.isEmpty && peer.connection?.isIdle == true)
        #expect(peer.request("GET", harness.base + "/small.pgp").status == 200, "the connection goes on")
    }

    /// RFC 9113, section 8.1.1: content that is not as long as the fields say.
    @Test(arguments: ["hell", "hello, and more", ""])
    func aLengthThatIsALie(_ content: String) {
        let isHeld = watchedPlace()
        let peer = harness.connect2()
        let answer = peer.request("PUT", path, ["content-length: 5"], content: Array(content.utf8))
        receiver.admission = .busy
        #expect(answer.reset == NGHTTP2_PROTOCOL_ERROR.rawValue && answer.status == 0 && receiver.received.isEmpty)
        #expect(!isHeld() && peer.connection?.isIdle == true)
        #expect(peer.request("GET", harness.base + "/small.pgp").status == 200)
    }

    @Test func octetsBehindIt() {
        let peer = harness.connect2()
        receiver.isHeld = true
        let id = peer.submit("PUT", path, ["content-length: 5"], content: Array("hello".utf8), isWhole: false)
        peer.run()
        peer.give(id, [0x21])
        peer.run()
        #expect(peer.answers[id]?.reset == NGHTTP2_PROTOCOL_ERROR.rawValue && peer.connection?.isIdle == true)
        receiver.release()
        peer.run()
        #expect(peer.answers[id]?.status == 0 && peer.goAway == nil)
        #expect(receiver.received.map { $0.file.text } == ["hello"])
    }

    @Test func itIsAskedForWhenTheClientWaits() {
        let peer = harness.connect2()
        let id = peer.submit("PUT", path, ["content-length: 5", "expect: 100-continue"], content: [], isWhole: false)
        peer.run()
        #expect(peer.answers[id]?.fields == [":status: 100"])
        peer.give(id, Array("hello".utf8), isWhole: true)
        peer.run()
        #expect(peer.answers[id]?.fields[1] == ":status: 201" && peer.answers[id]?.isComplete == true)
        receiver.admission = .busy
        let refused = peer.submit("PUT", path, ["content-length: 5", "expect: 100-continue"], content: [], isWhole: false)
        peer.run()
        #expect(peer.answers[refused]?.status == 503, "the final answer at once")
    }

    @Test func othersGoOnWhileOneIsJudged() throws {
        receiver.isHeld = true
        let peer = harness.connect2()
        let id = peer.submit("PUT", path, ["content-length: 5"], content: Array("hello".utf8))
        peer.run()
        #expect(peer.request("GET", harness.base + "/small.pgp").status == 200 && peer.answers[id] == nil)
        try harness.advance(seconds: 59)
        peer.run()
        #expect(!peer.stream.isFinished && peer.answers[id] == nil)
        receiver.release()
        peer.run()
        #expect(peer.answers[id]?.status == 201 && peer.connection?.isIdle == true)
    }

    // MARK: Whoever asked is gone

    /// The stream is closed while its content is judged: by the peer, or because the whole connection ends.
    @Test(arguments: ["reset", "end", "failure", "close"])
    func nobodyIsTold(_ how: String) throws {
        receiver.isHeld = true
        let isHeld = watchedPlace()
        do {
            let peer = harness.connect2()
            let id = peer.submit("PUT", path, ["content-length: 5"], content: Array("hello".utf8))
            peer.run()
            switch how {
            case "reset":
                peer.reset(id)
                peer.run()
                #expect(peer.connection?.isIdle == true)
            case "end": peer.stream.end()
            case "failure":
                peer.stream.hasFailed = true
                peer.stream.turn()
            default: harness.server.close()
            }
            #expect(how == "reset" || (peer.stream.isClosed && harness.server.openConnections == 0))
            receiver.admission = .busy
            #expect(isHeld(), "it is still being judged")
            if how == "reset" {
                receiver.release()
                peer.run()
                #expect(peer.answers[id] == nil && peer.goAway == nil)
                #expect(peer.request("GET", harness.base + "/small.pgp").status == 200)
            }
        }
        receiver.release()
        #expect(!isHeld())
    }

    @Test func aPlaceIsFreeWhenItsContentIsTakenBack() {
        let isHeld = watchedPlace()
        let peer = harness.connect2()
        let id = peer.submit("PUT", path, ["content-length: 5"], content: [0x68], isWhole: false)
        peer.run()
        receiver.admission = .busy
        #expect(isHeld())
        peer.reset(id)
        peer.run()
        #expect(!isHeld() && receiver.received.isEmpty && peer.connection?.isIdle == true)
    }

    // MARK: Time

    @Test func contentThatDoesNotCome() throws {
        let isHeld = watchedPlace()
        let peer = harness.connect2()
        let id = peer.submit("PUT", path, ["content-length: 5"], content: [0x68], isWhole: false)
        peer.run()
        receiver.admission = .busy
        try harness.advance(seconds: Double(Bounds.putSeconds) - 1)
        #expect(isHeld())
        try harness.advance(seconds: 2)
        peer.run()
        #expect(peer.answers[id]?.status == 408 && !isHeld() && harness.server.counters.timeouts == 1)
        peer.give(id, Array("ello".utf8), isWhole: true)
        peer.run()
        #expect(receiver.received.isEmpty && peer.connection?.isIdle == true)
        #expect(peer.request("GET", harness.base + "/small.pgp").status == 200)
    }

    /// One octet now and then is no progress: all of it has the same ten seconds that HTTP/1.1 gives.
    @Test func contentThatDrips() throws {
        let peer = harness.connect2()
        let id = peer.submit("PUT", path, ["content-length: 1000"], content: [], isWhole: false)
        peer.run()
        for _ in 0..<Bounds.putSeconds + 2 {
            peer.give(id, [0x78])
            peer.run()
            try harness.advance(seconds: 1)
        }
        peer.run()
        #expect(peer.answers[id]?.status == 408 && receiver.received.isEmpty)
    }

    @Test func theEndOfTheProgram() {
        receiver.isHeld = true
        let peer = harness.connect2()
        let judged = peer.submit("PUT", path, ["content-length: 5"], content: Array("hello".utf8))
        peer.run()
        harness.server.finish()
        #expect(!peer.stream.isClosed)
        receiver.release()
        peer.run()
        #expect(peer.answers[judged]?.status == 201 && peer.goAway == NGHTTP2_NO_ERROR.rawValue && peer.stream.isFinished)
    }
}
