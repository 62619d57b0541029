import HTTP
import System
import TestSupport
import Testing

/// Clauses of docs/http.md, RFC 9110 and RFC 9112.
@Suite struct RequestParserTests {
    @Test func aUsualRequest() throws {
        let text = "GET /p2p/a?limit=1 HTTP/1.1\r\nHost: localhost:8008\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\nRange: bytes=1-2\r\nIf-None-Match:\"a\" \r\n\r\n"
        let (head, parsed) = try #require(try parse(text))
        #expect(parsed == Parsed(method: .get, minorVersion: 1, path: "/p2p/a", query: "limit=1", keepsAlive: true, hasContent: false))
        #expect(head.count == text.utf8.count)
        octets(text) { buffer in
            #expect(String(decoding: head.range.octets(of: buffer), as: UTF8.self) == "bytes=1-2")
            #expect(String(decoding: head.ifNoneMatch.octets(of: buffer), as: UTF8.self) == "\"a\"")
            #expect(head.ifRange.count == 0)
        }
    }

    @Test func anIncompleteHeadIsNoHead() throws {
        let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        for count in 0..<text.utf8.count { #expect(try parse(Array(text.utf8.prefix(count))) == nil, "\(count)") }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", RequestDefect.badOctet),            // RFC 9112, 2.2: bare LF
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", .badOctet),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", .badOctet),             // bare CR
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", .badOctet),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{7f}b\r\n\r\n", .badOctet),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .badRequestLine),                 // 3: single spaces
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .badRequestLine),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", .badRequestLine),
        ("GET /\r\n\r\n", .badRequestLine),                                      // HTTP/0.9
        ("GET / a HTTP/1.1\r\nHost: a\r\n\r\n", .badRequestLine),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", .badRequestLine),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", .badRequestLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", .badRequestLine),                  // 2.3: case-sensitive
        ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", .badRequestLine),
        ("GET / HTTP/1\r\nHost: a\r\n\r\n", .badRequestLine),
        ("PRI * HTTP/2.0\r\n\r\n", .versionNotSupported),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", .versionNotSupported),
        ("GET p2p HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),                     // 3.2
        ("GET /\"a HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET /ü HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET http://u@h/a HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("CONNECT a/b HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET / HTTP/1.1\r\n\r\n", .badHost),                                    // 3.2: Host
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .badHost),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", .badField),                       // 5.1: blank before the colon
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", .badField),             // 5.2: obs-fold
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .badField),
        ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", .badField),
        ("GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", .badField),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", .badFraming), // 6.3
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", .badFraming),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", .badFraming),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unknownTransferCoding),
    ])
    func refuses(_ text: String, _ defect: RequestDefect) { #expect(throws: defect) { try parse(text) } }

    @Test(arguments: [
        ("GET http://h/p2p HTTP/1.1\r\nHost: x\r\n\r\n", "/p2p"), ("GET HTTPS://h:1?q HTTP/1.1\r\nHost:\r\n\r\n", ""), ("GET http://[::1]:80/a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "/a"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", ""), ("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", ""), ("GET /%41 HTTP/1.7\r\nHost: x\r\n\r\n", "/%41"),
        ("GET /a HTTP/1.0\r\n\r\n", "/a"),
    ])
    func targets(_ text: String, _ path: String) throws { #expect(try parse(text)?.1.path == path) }

    @Test(arguments: [("GET", RequestHead.Method.get), ("HEAD", .head), ("PUT", .put), ("CONNECT", .known), ("get", .unknown), ("GETX", .unknown), ("BREW", .unknown)])
    func methods(_ name: String, _ method: RequestHead.Method) throws { #expect(try parse("\(name) * HTTP/1.1\r\nHost: a\r\n\r\n")?.1.method == method) }

    /// RFC 9112, section 9.3.
    @Test(arguments: [("1.1", "", true), ("1.0", "", false), ("1.0", "Connection: Keep-Alive\r\n", true), ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: x , CLOSE\r\n", false),
                      ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false), ("1.1", "Connection: closed\r\n", true)])
    func persistence(_ version: String, _ fields: String, _ keepsAlive: Bool) throws {
        #expect(try parse("GET / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n")?.1.keepsAlive == keepsAlive)
    }

    @Test(arguments: [("Content-Length: 0", false), ("Content-Length: 5", true), ("Transfer-Encoding: Chunked", true), ("X: y", false)])
    func content(_ field: String, _ hasContent: Bool) throws { #expect(try parse("PUT / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n")?.1.hasContent == hasContent) }

    @Test func expectations() throws {
        #expect(try parse("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n")?.0.hasUnknownExpectation == false)
        #expect(try parse("GET / HTTP/1.1\r\nHost: a\r\nExpect: cookies\r\n\r\n")?.0.hasUnknownExpectation == true)
    }

    @Test func aConditionalFieldThatIsThereTwiceIsVoid() throws {
        for name in ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"] {
            let head = try #require(try parse("GET / HTTP/1.1\r\nHost: a\r\n\(name): x\r\n\(name): y\r\n\(name): z\r\n\r\n")).0
            for span in [head.range, head.ifRange, head.ifMatch, head.ifNoneMatch, head.ifModifiedSince, head.ifUnmodifiedSince] { #expect(span.count == 0) }
        }
    }

    @Test func bounds() throws {
        let field = "X: y\r\n"
        let most = "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: field, count: Bounds.requestFields - 1)
        #expect(try parse(most + "\r\n") != nil)
        #expect(throws: RequestDefect.tooManyFields) { try parse(most + field + "\r\n") }
        #expect(throws: RequestDefect.headTooLong) { try parse("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "y", count: Bounds.requestHead))\r\n\r\n") }
    }

    @Test func everyDefectIsAnError() {
        for defect in [RequestDefect.badOctet, .badRequestLine, .badTarget, .versionNotSupported, .badField, .tooManyFields, .badHost, .badFraming, .unknownTransferCoding, .requestLineTooLong, .headTooLong] {
            #expect(defect.status.rawValue >= 400)
        }
    }

    /// Mutations of good requests: never a trap, and what is accepted has spans inside its octets.
    @Test func mutatedRequestsNeverTrap() {
        var generator = SeededGenerator(seed: 3)
        let good = ["GET /p2p/a62fd4d43e3fc83ec3bedef69c780921444be7d5?limit=10 HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n",
                    "HEAD http://a/b%20c HTTP/1.0\r\nIf-Modified-Since: Mon, 01 Jan 0001 00:00:00 GMT\r\nContent-Length: 3\r\n\r\nabc"].map { Array($0.utf8) }
        let octetsOfInterest: [UInt8] = [0, 9, 10, 13, 32, 37, 44, 47, 58, 63, 127, 128, 255]
        var accepted = 0
        for _ in 0..<30_000 {
            var text = good.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let position = Int.random(in: 0..<text.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: text[position] = UInt8.random(in: 0...255, using: &generator)
                case 1: text[position] = octetsOfInterest.randomElement(using: &generator) ?? 0
                case 2: text.remove(at: position)
                default: text.insert(octetsOfInterest.randomElement(using: &generator) ?? 0, at: position)
                }
            }
            guard let result = try? parse(text) else { continue }
            accepted += 1
            #expect(result.0.count <= text.count && !result.1.path.utf8.contains(0x20))
        }
        #expect(accepted > 1000)
    }
}

@Suite struct HeadScannerTests {
    /// Octet by octet or at once: the same end.
    @Test func piecesMakeNoDifference() throws {
        let text = Array("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\nGET /next".utf8)
        var scanner = HeadScanner(), found: Int?
        for count in 0...text.count where found == nil {
            found = try text.withUnsafeBytes { buffer in try scanner.end(in: UnsafeRawBufferPointer(rebasing: buffer[0..<count])) }
            if found != nil { #expect(count == found) }
        }
        #expect(found == text.count - 9)
    }

    @Test func emptyLinesBefore() {
        octets("\r\n\r\nGET") { #expect(HeadScanner.emptyLines(at: $0) == 4) }
        octets("\r") { #expect(HeadScanner.emptyLines(at: $0) == 0) }
    }
}
