import System
import Testing
@testable import HTTP

@Suite struct ResponseParserTests {
    private let now = HTTPDate(seconds: 1_800_000_000)

    private func parse(_ text: String) throws(ResponseDefect) -> ResponseHead {
        try Array(text.utf8).withUnsafeBufferPointer { (octets) throws(ResponseDefect) -> ResponseHead in
            try ResponseHead(parsing: UnsafeRawBufferPointer(octets), now: now)
        }
    }

    @Test func anAnswerOfOurOwn() throws {
        let head = try parse("HTTP/1.1 200 OK\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
            + "Cache-Control: no-store\r\nLink: </p2p/aa?limit=5&after=1-2>; rel=\"next\"\r\n\r\n")
        #expect(head.status == 200)
        #expect(head.content == .octets(7))
        #expect(head.keepsAlive && head.isNotStored)
        #expect(head.date?.seconds == 1_800_000_000)
        #expect(head.next.map { String(decoding: $0, as: UTF8.self) } == "/p2p/aa?limit=5&after=1-2")
    }

    @Test func anAnswerOfTheGoImplementation() throws {
        let head = try parse("HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Length: 10\r\nContent-Range: bytes 5-14/15\r\n\r\n")
        #expect(head.range?.first == 5 && head.range?.last == 14 && head.range?.size == 15)
        #expect(!head.isNotStored && head.next == nil && head.date == nil)
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ResponseHead.Content.chunked, true),
        ("HTTP/1.1 200 OK\r\n\r\n", .untilEnd, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", .octets(3), false),
        ("HTTP/1.1 204 No Content\r\n\r\n", .octets(0), true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", .octets(0), true),
        ("HTTP/1.1 200\r\nConnection: x, close\r\nContent-Length: 0\r\n\r\n", .octets(0), false),
    ]) func howLongTheContentIs(_ text: String, _ content: ResponseHead.Content, _ keepsAlive: Bool) throws {
        let head = try parse(text)
        #expect(head.content == content)
        #expect(head.keepsAlive == keepsAlive)
    }

    @Test(arguments: [
        ("HTTP/2 200 OK\r\n\r\n", ResponseDefect.badStatusLine), ("HTTP/1.1 20 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1 2000 OK\r\n\r\n", .badStatusLine),
        ("HTTP/1.1 600 OK\r\n\r\n", .badStatusLine), ("http/1.1 200 OK\r\n\r\n", .badStatusLine), ("", .badOctet), ("HTTP/1.1 200 OK\r\n", .badOctet),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", .badFraming), ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .badFraming),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", .badFraming),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n", .badFraming),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unknownCoding), ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", .unknownCoding),
        ("HTTP/1.1 200 OK\r\n folded\r\n\r\n", .badField), ("HTTP/1.1 200 OK\r\nX : y\r\n\r\n", .badField), ("HTTP/1.1 200 OK\r\nX: \u{1}\r\n\r\n", .badOctet),
        ("HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 101) + "\r\n", .headTooLong),
    ]) func refused(_ text: String, _ defect: ResponseDefect) {
        #expect(throws: defect) { try parse(text) }
    }

    @Test func onlyNextIsALinkToTheNextPage() throws {
        #expect(try parse("HTTP/1.1 200 OK\r\nLink: </a>; rel=\"prev\", </b>; title=\"x\"; rel=next\r\n\r\n").next == Array("/b".utf8))
        #expect(try parse("HTTP/1.1 200 OK\r\nLink: </a>; rel=\"prev\"\r\n\r\n").next == nil)
        #expect(try parse("HTTP/1.1 200 OK\r\nLink: <\(String(repeating: "a", count: 513))>; rel=next\r\n\r\n").next == nil)
        #expect(try parse("HTTP/1.1 200 OK\r\nLink: <unclosed; rel=next\r\n\r\n").next == nil)
    }

    // MARK: Chunks

    private func decode(_ text: String, step: Int) throws(ResponseDefect) -> (content: [UInt8], read: Int, isComplete: Bool) {
        var decoder = ChunkedDecoder(), content: [UInt8] = [], read = 0
        let octets = Array(text.utf8)
        while read < octets.count, !decoder.isComplete {
            let piece = Array(octets[read..<min(octets.count, read + step)])
            read += try piece.withUnsafeBufferPointer { (buffer) throws(ResponseDefect) -> Int in
                try decoder.decode(UnsafeRawBufferPointer(buffer)) { content += $0; return true }
            }
        }
        return (content, read, decoder.isComplete)
    }

    @Test(arguments: [1, 2, 3, 5, 1000]) func chunksInPiecesOfAnySize(_ step: Int) throws {
        let text = "5\r\nhello\r\nA;x=y\r\n, chunked \r\n005 \r\nworld\r\n0\r\nTrailer: 1\r\n\r\n"
        let (content, read, isComplete) = try decode(text + "rest", step: step)
        #expect(String(decoding: content, as: UTF8.self) == "hello, chunked world")
        #expect(isComplete && read == text.utf8.count)
    }

    @Test(arguments: ["g\r\n", "\r\n", "5\nhello", "5\r\nhelloX", "5\r\nhello\rX", "1234567890abcdef0\r\n", "0\r\n\r", "5;\u{0}\r\n",
                      "5;" + String(repeating: "x", count: 300) + "\r\n"]) func chunksThatAreNone(_ text: String) {
        let result = Result { () throws(ResponseDefect) in try decode(text, step: 7) }
        if case .success(let decoded) = result { #expect(!decoded.isComplete) } else { #expect(throws: ResponseDefect.badFraming) { try result.get() } }
    }
}
