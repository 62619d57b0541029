import HTTP
import OpenPGP
@testable import Server
import System
import Testing

/// What a server does with attempts to claim the node, without anything that judges (docs/claim.md, part 3).
@Suite struct ClaimTests {
    private let harness: Harness
    private let receiver = FakeReceiver()
    private static let digits = String(repeating: "0123456789abcdef", count: 8)
    private let path = "/p2p/\(Harness.fingerprint)/claim-\(digits)"
    private let claimer = Fingerprint("0123456789abcdef0123456789abcdef01234567")

    init() throws {
        harness = try Harness([("small.pgp", publicFile(100), second(1000))])
        harness.server.receiver = receiver
    }

    private func ask(_ method: String, _ path: String, _ content: String? = nil, by peer: Fingerprint?) -> MemoryStream {
        let stream = harness.connect(peer: peer)
        stream.deliver("\(method) \(path) HTTP/1.1\r\nHost: x\r\n" + (content.map { "Content-Length: \($0.utf8.count)\r\n\r\n\($0)" } ?? "\r\n"))
        return stream
    }

    @Test func aRightOneGetsTheProof() throws {
        receiver.answer = .proof(Array("the proof".utf8))
        let stream = ask("GET", path, by: claimer), response = try #require(stream.responses().first)
        #expect(response.status == 200 && response.body == Array("the proof".utf8))
        #expect(response.fields["cache-control"] == "no-store" && response.fields["content-type"] == "application/octet-stream")
        #expect(receiver.attempts.count == 1 && receiver.attempts[0].attempt == ClaimTests.digits && receiver.attempts[0].peer == claimer)
        #expect(try #require(ask("HEAD", path, by: claimer).responses(toHead: true).first).fields["content-length"] == "9")
        #expect(receiver.keys.isEmpty)
    }

    @Test func aKeyIsTakenAfterARightOneOnly() throws {
        receiver.answer = .proof([1])
        receiver.result = UploadResult(.created)
        let stream = ask("PUT", path, "the key", by: claimer)
        #expect(stream.responses().map { $0.status } == [201] && !stream.isClosed)
        #expect(receiver.keys.map { $0.key.text } == ["the key"] && receiver.keys[0].claimer == claimer && receiver.received.isEmpty)
        receiver.result = UploadResult(.unprocessableContent)
        #expect(ask("PUT", path, "the key", by: claimer).responses().map { $0.status } == [422])
        for status: Status in [.notFound, .forbidden, .tooManyRequests, .serviceUnavailable] {
            receiver.answer = .no(status)
            let stream = ask("PUT", path, "the key", by: claimer), responses = stream.responses()
            #expect(responses.map { $0.status } == [status.rawValue], "and nothing of the content is read")
            #expect((responses.first?.fields["retry-after"] == "1") == (status == .tooManyRequests || status == .serviceUnavailable))
        }
        #expect(receiver.keys.count == 2)
    }

    @Test func whatIsRefusedBeforeTheContent() {
        receiver.answer = .proof([1])
        let chunked = harness.connect(peer: claimer)
        chunked.deliver("PUT \(path) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(chunked.responses().map { $0.status } == [411])
        #expect(ask("PUT", path, by: claimer).responses().map { $0.status } == [400])
        #expect(ask("PUT", path, "", by: claimer).responses().map { $0.status } == [400])
        #expect(ask("PUT", path, String(repeating: "x", count: Bounds.commandKey + 1), by: claimer).responses().map { $0.status } == [413])
        #expect(ask("GET", path, "x", by: claimer).responses().map { $0.status } == [413])
        #expect(receiver.keys.isEmpty)
    }

    @Test func whatIsNoAttempt() {
        receiver.answer = .proof([1])
        for other in [path + "0", String(path.dropLast()), "/p2p/\(claimer?.description ?? "")/claim-\(ClaimTests.digits)", path.replacing("claim-", with: "clain-"), path + "/x",
                      path + "/" + String(repeating: "a", count: 64)] { #expect(ask("GET", other, by: claimer).responses().map { $0.status } == [404], "\(other)") }
        for method in ["DELETE", "POST"] { #expect(ask(method, path, by: claimer).responses().map { $0.status } == [405]) }
        #expect(receiver.attempts.isEmpty)
        harness.server.receiver = nil
        #expect(ask("GET", path, by: claimer).responses().map { $0.status } == [404])
    }

    /// 404 is the same octets as for nothing.
    @Test func aNodeWithAnOwnerShowsNothing() throws {
        let one = try #require(ask("GET", path, by: claimer).responses().first), other = try #require(ask("GET", "/p2p/\(Harness.fingerprint)/nothing.pgp", by: claimer).responses().first)
        #expect(one.status == 404 && one.body == other.body && one.fields == other.fields)
    }

    @Test func theSameOverHTTP2() throws {
        receiver.answer = .proof(Array("the proof".utf8))
        let peer = harness.connect2(peer: claimer)
        let proof = peer.request("GET", path)
        #expect(proof.status == 200 && proof.body == Array("the proof".utf8))
        receiver.result = UploadResult(.created)
        #expect(peer.request("PUT", path, ["content-length: 7"], content: Array("the key".utf8)).status == 201)
        #expect(receiver.keys.map { $0.key.text } == ["the key"] && receiver.keys[0].claimer == claimer)
        receiver.answer = .no(.tooManyRequests)
        #expect(peer.request("GET", path).status == 429)
    }

    @Test func aLongKeyFitsTheAnswer() throws {
        let octets = [UInt8](repeating: 7, count: Bounds.inlineBody)
        receiver.answer = .proof(octets)
        #expect(try #require(ask("GET", path, by: claimer).responses().first).body == octets)
    }
}
