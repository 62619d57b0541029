import HTTP
import Testing

private func segments(_ path: String) throws -> [String] {
    let text = Array(path.utf8)
    var out = [UInt8](repeating: 0, count: text.count), result: [String] = []
    try text.withUnsafeBytes { buffer in
        var reader = PathSegments(buffer)
        while true {
            let count = try out.withUnsafeMutableBytes { memory in try reader.next(into: memory) }
            guard let count else { return }
            result.append(String(decoding: out[0..<count], as: UTF8.self))
        }
    }
    return result
}

private func query(_ text: String) throws -> ListingQuery {
    try Array(text.utf8).withUnsafeBytes { buffer in try ListingQuery(buffer) }
}

@Suite struct PathSegmentsTests {
    @Test func decodesOnce() throws {
        #expect(try segments("/p2p/ab/a%20b.pgp") == ["p2p", "ab", "a b.pgp"])
        #expect(try segments("/%2541") == ["%41"])
        #expect(try segments("/gr%C3%BC%c3%9fe") == ["grüße"])
        #expect(try segments("/...") == ["..."])
        #expect(try segments("") == [])
    }

    @Test(arguments: ["/a//b", "/a/", "/", "/.", "/..", "/a/../b", "/a/%2e%2E/b", "/a/.%2e", "/a%2Fb", "/a%2fb", "/a%00", "/a%", "/a%4", "/a%4g", "/a%%41", "a"])
    func refuses(_ path: String) { #expect(throws: PathSegments.Defect.malformed) { try segments(path) } }
}

@Suite struct ListingQueryTests {
    @Test func parses() throws {
        #expect(try query("") == query("x=y&limit"))
        #expect(try query("limit=1").limit == 1)
        #expect(try query("after=1-a%2Eb&limit=1000").limit == 1000)
        #expect(try query("limit=5&after=1-a%2Eb").after == Array("1-a.b".utf8))
    }

    @Test(arguments: ["limit=", "limit=0", "limit=1001", "limit=-1", "limit=1x", "limit=1&limit=1", "after=a&after=b", "after=%", "limit=99999999999999999999"])
    func refuses(_ text: String) { #expect(throws: PathSegments.Defect.malformed) { try query(text) } }
}
