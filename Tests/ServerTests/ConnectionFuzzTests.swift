import CLinux
import System
import TestSupport
import Testing
@testable import Server

/// Whole connections of random requests, some of them mutated, against the whole server.
///
/// MAUD_FUZZ_ROUNDS and MAUD_FUZZ_SEED make it run longer and elsewhere.
@Suite struct ConnectionFuzzTests {
    private static let pieces = ["GET ", "HEAD ", "PUT ", "/p2p/", Harness.fingerprint, "/a.pgp", "/large.pgp", ".versions/", ".pgp", "?limit=", "&after=", "%2e", "%", " HTTP/1.1\r\n", " HTTP/1.0\r\n",
                                 "Host: x\r\n", "Range: bytes=", "0-5", "-", "If-None-Match: *\r\n", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "Connection: keep-alive\r\n",
                                 "\r\n", "\r\n\r\n", "\n", "\r", ":", " ", "\0", "é", "http://x", "If-Modified-Since: Mon, 01 Jan 0001 00:00:00 GMT\r\n", String(repeating: "x", count: 3000)]

    private func request(_ generator: inout SeededGenerator) -> [UInt8] {
        let paths = ["", "/a.pgp", "/large.pgp", "/private.pgp", "/none.pgp", "?limit=2", "?limit=1&after=5-\(String(repeating: "0", count: 64))", "?limit=0"]
        let fields = ["", "Range: bytes=0-9\r\n", "Range: bytes=-70000\r\n", "If-None-Match: *\r\n", "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT\r\n", "Connection: close\r\n", "X: y\r\n"]
        switch Int.random(in: 0..<10, using: &generator) {
        case 0: return (0..<Int.random(in: 1...20, using: &generator)).flatMap { _ in Array((ConnectionFuzzTests.pieces.randomElement(using: &generator) ?? "").utf8) }
        case 1: return (0..<Int.random(in: 1...300, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
        default:
            let method = ["GET", "GET", "GET", "HEAD", "PUT", "BREW"].randomElement(using: &generator) ?? "GET"
            var text = Array("\(method) /p2p/\(Harness.fingerprint)\(paths.randomElement(using: &generator) ?? "") HTTP/1.\(Int.random(in: 0...1, using: &generator))\r\nHost: x\r\n\(fields.randomElement(using: &generator) ?? "")\r\n".utf8)
            if Int.random(in: 0..<8, using: &generator) == 0 { text[Int.random(in: 0..<text.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator) }
            return text
        }
    }

    /// What the server answers to `input` when it arrives, and is read, in pieces of random size.
    private func answer(_ harness: Harness, _ input: [UInt8], inPieces: Bool, _ generator: inout SeededGenerator) -> [UInt8] {
        let stream = harness.connect(room: inPieces ? 0 : .max)
        if inPieces { stream.stride = Int.random(in: 1...20_000, using: &generator) }
        var position = 0
        while position < input.count, !stream.isClosed {
            let count = inPieces ? Int.random(in: 1...2000, using: &generator) : input.count
            stream.deliver(Array(input[position..<min(position + count, input.count)]))
            position += count
            if inPieces { stream.makeRoom(Int.random(in: 0...30_000, using: &generator)) }
        }
        stream.makeRoom(.max)
        stream.end()
        stream.turn()
        #expect(stream.isClosed)
        return stream.take()
    }

    @Test func piecesAndOrderMakeNoDifference() throws {
        let harness = try Harness([("a.pgp", publicFile(900), 1), ("large.pgp", publicFile(70_000), 2_000_000_000), ("private.pgp", privateFile(), 3)])
        let rounds = maud_environment("MAUD_FUZZ_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 300
        var generator = SeededGenerator(seed: maud_environment("MAUD_FUZZ_SEED").flatMap { UInt64(String(cString: $0)) } ?? 6)
        var good: UInt64 = 0
        for round in 0..<rounds {
            let input = (0..<Int.random(in: 1...6, using: &generator)).flatMap { _ in request(&generator) }
            let whole = answer(harness, input, inPieces: false, &generator)
            let cut = answer(harness, input, inPieces: true, &generator)
            #expect(whole == cut, "round \(round): \(String(decoding: input, as: UTF8.self).debugDescription)")
            #expect(whole.isEmpty || whole.starts(with: Array("HTTP/1.1 ".utf8)))
            good = harness.server.counters.succeeded
        }
        #expect(harness.server.openConnections == 0 && good > UInt64(rounds) / 2, "many requests are good ones")
    }
}
