import HTTP
import System
import TestSupport
import Testing

@Suite struct ByteRangeTests {
    /// RFC 9110, section 14.1.2, for a representation of 10,000 octets, and what a server ignores.
    @Test(arguments: [
        ("bytes=0-499", ByteRange.part(offset: 0, count: 500)), ("bytes=500-999", .part(offset: 500, count: 500)), ("bytes=-500", .part(offset: 9500, count: 500)),
        ("bytes=9500-", .part(offset: 9500, count: 500)), ("bytes=0-0", .part(offset: 0, count: 1)), ("bytes=-1", .part(offset: 9999, count: 1)),
        ("Bytes=9999-20000", .part(offset: 9999, count: 1)), ("bytes=-20000", .part(offset: 0, count: 10_000)), ("bytes= 1-2 ", .part(offset: 1, count: 2)),
        ("bytes=10000-", .unsatisfiable), ("bytes=10000-10001", .unsatisfiable), ("bytes=-0", .unsatisfiable),
        ("", .whole), ("bytes", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes=2-1", .whole), ("bytes=a-b", .whole), ("bytes=1-2,5-6", .whole), ("bytes=0-0,-1", .whole),
        ("lines=1-2", .whole), ("bytes=1", .whole), ("bytes=+1-2", .whole), ("bytes=1--2", .whole), ("bytes=99999999999999999999-", .whole), ("bytes 1-2", .whole),
    ])
    func table(_ value: String, _ range: ByteRange) { octets(value) { #expect(ByteRange($0, size: 10_000) == range) } }

    @Test func theEmptyRepresentation() {
        octets("bytes=0-") { #expect(ByteRange($0, size: 0) == .unsatisfiable) }
        octets("bytes=-1") { #expect(ByteRange($0, size: 0) == .whole) }
    }

    @Test func aPartAlwaysLiesInside() {
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<20_000 {
            let size = Int64.random(in: 0...20, using: &generator)
            let first = Bool.random(using: &generator) ? "\(Int64.random(in: 0...25, using: &generator))" : ""
            let last = Bool.random(using: &generator) ? "\(Int64.random(in: 0...25, using: &generator))" : ""
            octets("bytes=\(first)-\(last)") {
                if case .part(let offset, let count) = ByteRange($0, size: size) { #expect(offset >= 0 && count > 0 && offset + count <= size) }
            }
        }
    }
}

@Suite struct EntityTagTests {
    private let sum = SHA256Sum(of: Array("abc".utf8))
    private var tag: String { "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"" }
    private func weak(_ value: String) -> Bool? { octets(value) { EntityTag.list($0, holds: sum, weakly: true) } }
    private func strong(_ value: String) -> Bool? { octets(value) { EntityTag.list($0, holds: sum, weakly: false) } }

    @Test func lists() {
        for value in [tag, "*", "W/\(tag)", "\"x\", \(tag)", "\"x\" ,\"\",W/\(tag), ,"] { #expect(weak(value) == true, "\(value)") }
        for value in ["\"x\"", "\"\"", "\"\(tag.uppercased())\"".replacing("\"\"", with: "\"")] { #expect(weak(value) == false, "\(value)") }
        #expect(strong(tag) == true)
        #expect(strong("W/\(tag)") == false)
    }

    @Test(arguments: ["", ",", "abc", "\"abc", "\"a b\"", "\"a\"x", "w/\"a\"", "**", "\"a\"\"b\""])
    func malformed(_ value: String) { #expect(weak(value) == nil) }
}

@Suite struct ResponseHeadTests {
    @Test func writesFields() {
        var memory = [UInt8](repeating: 0, count: 1024)
        let count = memory.withUnsafeMutableBytes { buffer in
            var head = ResponseHeadWriter(buffer, .partialContent)
            head.field("Date: ", HTTPDate(seconds: 784_111_777))
            head.contentLength(0)
            head.contentLength(1024)
            head.contentRange((5, 3), size: 10)
            head.contentRange(nil, size: 10)
            head.entityTag(SHA256Sum(of: Array("abc".utf8)))
            head.end()
            #expect(!head.overflowed)
            return head.count
        }
        #expect(Array(memory[0..<count]).text == "HTTP/1.1 206 Partial Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\nContent-Length: 1024\r\n"
            + "Content-Range: bytes 5-7/10\r\nContent-Range: bytes */10\r\nETag: \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\r\n\r\n")
    }

    @Test func neverWritesBeyondItsMemory() {
        for size in 0..<200 {
            var memory = [UInt8](repeating: 0xAA, count: size + 8)
            memory.withUnsafeMutableBytes { buffer in
                var head = ResponseHeadWriter(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<size]), .ok)
                head.field("Date: ", HTTPDate(seconds: 0))
                head.entityTag(SHA256Sum())
                head.contentLength(123_456)
                head.end()
                #expect(head.overflowed == (size < 154) && head.count <= size)
            }
            #expect(memory.suffix(8).allSatisfy { $0 == 0xAA })
        }
    }

    /// Status lines as RFC 9110 names them.
    @Test func statusLinesBeginWithTheirCode() {
        for code in 100..<600 { if let status = Status(rawValue: code) { #expect("\(status.line)".hasPrefix("\(code) ")) } }
    }
}
