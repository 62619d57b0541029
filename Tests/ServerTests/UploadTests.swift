import HTTP
import OpenPGP
@testable import Server
import System
import Testing

/// What a server does with PUT and challenges, without anything that judges (docs/http.md, 2.7; docs/commands.md, part 6).
final class FakeReceiver: FileReceiver {
    var admission = UploadAdmission.place(FakeReceiver.Place())
    var result = UploadResult(.created, representation: Array("the answer".utf8))
    var isHeld = false
    private(set) var received: [(file: [UInt8], directory: Fingerprint, name: String)] = []
    private var held: [(UploadResult) -> Void] = []
    final class Place {}

    func challenge() -> [UInt8]? { Array(1...16) }
    func admit(peer: Fingerprint?) -> UploadAdmission { admission }
    func receive(_ file: [UInt8], for directory: Fingerprint, name: [UInt8], place: AnyObject, done: @escaping (UploadResult) -> Void) {
        received.append((file, directory, name.text))
        if isHeld { held.append(done) } else { done(result) }
    }
    var answer = ClaimAnswer.no(.notFound)
    private(set) var attempts: [(attempt: String, peer: Fingerprint?)] = []
    private(set) var keys: [(key: [UInt8], claimer: Fingerprint)] = []
    func judge(claim attempt: [UInt8], by peer: Fingerprint?) -> ClaimAnswer {
        attempts.append((attempt.text, peer))
        return answer
    }
    func receive(key: [UInt8], of claimer: Fingerprint, done: @escaping (UploadResult) -> Void) {
        keys.append((key, claimer))
        done(result)
    }
    func release() {
        let waiting = held
        held = []
        for done in waiting { done(result) }
    }
}

@Suite struct UploadTests {
    private let harness: Harness
    private let receiver = FakeReceiver()
    private let friend = "0123456789abcdef0123456789abcdef01234567"

    init() throws {
        harness = try Harness()
        harness.server.receiver = receiver
    }

    private func put(_ content: String, path: String? = nil, _ fields: String...) -> String {
        "PUT \(path ?? "/p2p/\(friend)/c.pgp") HTTP/1.1\r\nHost: x\r\nContent-Length: \(content.utf8.count)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n" + content
    }

    private func statuses(_ text: String) -> [Int] {
        let stream = harness.connect()
        stream.deliver(text)
        return stream.responses().map { $0.status }
    }

    @Test func aFileIsHandedOn() throws {
        let stream = harness.connect()
        stream.deliver(put("hello"))
        #expect(receiver.received.count == 1)
        #expect(receiver.received[0].file == Array("hello".utf8) && receiver.received[0].name == "c.pgp" && receiver.received[0].directory.description == friend)
        let response = try #require(stream.responses().first)
        #expect(response.status == 201 && response.body.isEmpty && response.fields["preference-applied"] == nil)
        #expect(!stream.isClosed)
    }

    @Test func theRepresentationWhenItIsPreferred() throws {
        for field in ["Prefer: return=representation", "prefer: respond-async, return=representation", "PREFER: Return=Representation"] {
            let stream = harness.connect()
            stream.deliver(put("hello", field))
            let response = try #require(stream.responses().first)
            #expect(response.body == Array("the answer".utf8) && response.fields["preference-applied"] == "return=representation", "\(field)")
        }
        let stream = harness.connect()
        stream.deliver(put("hello", "Prefer: return=minimal"))
        #expect(stream.responses().first?.body.isEmpty == true)
    }

    @Test func itMayComeInPieces() {
        let text = Array(put("hello").utf8)
        for piece in 1..<text.count {
            let stream = harness.connect()
            stream.deliver(Array(text[..<piece]))
            stream.deliver(Array(text[piece...]))
            #expect(stream.responses().map { $0.status } == [201], "\(piece)")
        }
        #expect(receiver.received.allSatisfy { $0.file == Array("hello".utf8) })
    }

    @Test func whatFollowsIsTheNextRequest() {
        let get = "GET /p2p/\(Harness.fingerprint) HTTP/1.1\r\nHost: x\r\n\r\n"
        #expect(statuses(put("hello") + get + put("again") + put("more") + get) == [201, 200, 201, 201, 200])
        #expect(receiver.received.map { $0.file.text } == ["hello", "again", "more"])
    }

    @Test func whileItIsJudgedNothingIsRead() throws {
        receiver.isHeld = true
        let stream = harness.connect()
        stream.deliver(put("hello") + "GET /p2p/\(Harness.fingerprint) HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(stream.waiting == .nothing && stream.responses().isEmpty)
        try harness.advance(seconds: 120)
        #expect(!stream.isClosed)
        receiver.release()
        #expect(stream.responses().map { $0.status } == [201, 200])
        #expect(stream.waiting == .receiving)
    }

    @Test func aPeerThatLeavesMeanwhileIsForgotten() {
        receiver.isHeld = true
        let stream = harness.connect()
        stream.deliver(put("hello"))
        stream.hasFailed = true
        stream.turn()
        #expect(stream.isClosed && harness.server.openConnections == 0)
        receiver.release()
        #expect(stream.take().isEmpty)
    }

    @Test func refusedBeforeItsContentIsRead() {
        #expect(statuses("PUT /p2p/\(friend)/c.pgp HTTP/1.1\r\nHost: x\r\nContent-Length: \(Bounds.commandFile + 1)\r\n\r\n") == [413])
        #expect(statuses("PUT /p2p/\(friend)/c.pgp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") == [411])
        #expect(statuses("PUT /p2p/\(friend)/c.pgp HTTP/1.1\r\nHost: x\r\n\r\n") == [400])
        #expect(statuses(put("x", path: "/p2p/\(Harness.fingerprint)/c.pgp")) == [405])
        #expect(statuses(put("x", path: "/p2p/\(friend)")) == [405])
        #expect(statuses(put("x", path: "/p2p/\(friend)/c.txt")) == [405])
        #expect(statuses(put("x", path: "/p2p/\(friend)/.c.pgp")) == [405])
        #expect(statuses(put("x", path: "/p2p/\(friend)/c.pgp.versions/\(String(repeating: "a", count: 64))")) == [405])
        #expect(statuses(put("x", path: "/elsewhere/c.pgp")) == [404])
        #expect(statuses(put("x", path: "/p2p/\(friend)/..%2fc.pgp")) == [404])
        #expect(receiver.received.isEmpty)
        harness.server.receiver = nil
        #expect(statuses(put("x")) == [405])
    }

    @Test func placesAreAsked() throws {
        receiver.admission = .busy
        var stream = harness.connect()
        stream.deliver(put("x"))
        var response = try #require(stream.responses().first)
        #expect(response.status == 503 && response.fields["retry-after"] == "1")
        receiver.admission = .later(17)
        stream = harness.connect()
        stream.deliver(put("x"))
        response = try #require(stream.responses().first)
        #expect(response.status == 429 && response.fields["retry-after"] == "17")
        #expect(receiver.received.isEmpty)
    }

    @Test func thePlaceIsFreeWhenItIsOver() throws {
        weak var place: FakeReceiver.Place?
        do {
            let made = FakeReceiver.Place()
            place = made
            receiver.admission = .place(made)
        }
        var stream = harness.connect()
        stream.deliver("PUT /p2p/\(friend)/c.pgp HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
        receiver.admission = .busy
        #expect(place != nil)
        try harness.advance(seconds: Double(Bounds.putSeconds) + 1)
        #expect(stream.responses().map { $0.status } == [408] && place == nil)
        do {
            let made = FakeReceiver.Place()
            place = made
            receiver.admission = .place(made)
        }
        stream = harness.connect()
        stream.deliver(put("hello"))
        receiver.admission = .busy
        #expect(place == nil)
    }

    @Test func itIsAskedForWhenTheClientWaits() {
        let stream = harness.connect()
        stream.deliver("PUT /p2p/\(friend)/c.pgp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        #expect(stream.take().text == "HTTP/1.1 100 Continue\r\n\r\n")
        stream.deliver("hello")
        #expect(stream.responses().map { $0.status } == [201])
        receiver.admission = .busy
        #expect(statuses("PUT /p2p/\(friend)/c.pgp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n") == [503])
    }

    @Test func everyResultHasItsStatus() throws {
        for status in [Status.ok, .badRequest, .forbidden, .conflict, .unprocessableContent, .tooManyRequests, .serviceUnavailable] {
            receiver.result = UploadResult(status, retryAfter: 5)
            let stream = harness.connect()
            stream.deliver(put("hello", "Prefer: return=representation"))
            let response = try #require(stream.responses().first)
            #expect(response.status == status.rawValue)
            #expect(response.fields["retry-after"] == (status == .tooManyRequests || status == .serviceUnavailable ? "5" : nil))
            #expect(!stream.isClosed, "the connection can go on")
        }
    }

    @Test func closingAfterwards() {
        let stream = harness.connect()
        stream.deliver(put("hello", "Connection: close"))
        #expect(stream.responses().map { $0.status } == [201] && stream.isFinished)
    }

    @Test func challenges() throws {
        let response = try harness.request("GET", harness.base + "/challenge")
        #expect(response.status == 200 && response.body == Array(1...16) && response.fields["cache-control"] == "no-store")
        #expect(try harness.request("HEAD", harness.base + "/challenge").status == 200)
        #expect(try harness.request("GET", "/p2p/\(friend)/challenge").status == 404)
        harness.server.receiver = nil
        #expect(try harness.request("GET", harness.base + "/challenge").status == 404)
    }

    @Test func whenTheServerEnds() {
        receiver.isHeld = true
        let judged = harness.connect(), arriving = harness.connect()
        judged.deliver(put("hello"))
        arriving.deliver("PUT /p2p/\(friend)/c.pgp HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
        harness.server.finish()
        #expect(arriving.isClosed && !judged.isClosed)
        receiver.release()
        #expect(judged.responses().map { $0.status } == [201] && judged.isFinished)
    }
}
