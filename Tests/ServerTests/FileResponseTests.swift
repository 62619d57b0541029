import CLinux
import HTTP
import System
import Testing
@testable import Server

/// docs/http.md, section 3.
@Suite struct FileResponseTests {
    private let small = publicFile(1024)
    private let large = publicFile(70_000, seed: 9)

    private func harness() throws -> Harness {
        try Harness([("a.pgp", small, second(1_700_000_000, 5)), ("b \"ü\"%.pgp", large, second(1_700_000_001)), ("private.pgp", privateFile(), second(1_700_000_002))])
    }

    @Test func aSmallFile() throws {
        let harness = try harness()
        let response = try harness.request("GET", harness.base + "/a.pgp")
        #expect(response.status == 200 && response.body == small)
        #expect(response.fields == ["date": "Fri, 15 Jan 2027 08:00:00 GMT", "content-type": "application/octet-stream", "accept-ranges": "bytes", "content-length": "1024",
                                    "etag": "\"\(SHA256Sum(of: small).hexadecimal.text)\"", "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT", "cache-control": "no-cache"])
    }

    @Test func aLargeFileWithAnOddName() throws {
        let harness = try harness()
        #expect(try harness.request("GET", harness.base + "/b%20%22%C3%BC%22%25.pgp").body == large)
    }

    @Test func headIsGetWithoutBody() throws {
        let harness = try harness()
        for name in ["/a.pgp", "/b%20%22%C3%BC%22%25.pgp", "", "/missing.pgp"] {
            let head = try harness.request("HEAD", harness.base + name), get = try harness.request("GET", harness.base + name)
            #expect(head.status == get.status && head.fields == get.fields && head.body.isEmpty)
        }
    }

    /// The server sends not one octet after the head.
    @Test func headEndsWithTheHead() throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver("HEAD \(harness.base)/a.pgp HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(stream.take().suffix(4).elementsEqual("\r\n\r\n".utf8))
    }

    @Test func aVersionIsImmutable() throws {
        let harness = try harness()
        let hash = SHA256Sum(of: small).hexadecimal.text
        for suffix in [".versions/", ".version/"] {
            let response = try harness.request("GET", harness.base + "/a.pgp" + suffix + hash)
            #expect(response.status == 200 && response.body == small && response.fields["cache-control"] == "public, max-age=31536000, immutable")
        }
    }

    @Test(arguments: ["private.pgp", "missing.pgp", "A.pgp", "a.pgp.versions", "a.pgp.versions/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ".hidden.pgp", "a%5Cb.pgp", "a%0Ab.pgp"])
    func whatIsNotThereIsAlways404(_ name: String) throws {
        let harness = try harness()
        let stream = harness.connect()
        stream.deliver("GET \(harness.base)/\(name) HTTP/1.1\r\nHost: x\r\n\r\n")
        let answer = stream.take()
        stream.deliver("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(answer == stream.take() && Response.parse(answer).first?.status == 404, "the same octets")
    }

    /// RFC 9110, section 13.2.2: the order of precedence.
    @Test func conditions() throws {
        let harness = try harness()
        let tag = "\"\(SHA256Sum(of: small).hexadecimal.text)\"", date = "Tue, 14 Nov 2023 22:13:20 GMT", before = "Tue, 14 Nov 2023 22:13:19 GMT"
        let table: [([String], Int)] = [
            (["If-None-Match: \(tag)"], 304), (["If-None-Match: W/\(tag)"], 304), (["If-None-Match: *"], 304), (["If-None-Match: \"x\""], 200), (["If-None-Match: x"], 200),
            (["If-Modified-Since: \(date)"], 304), (["If-Modified-Since: \(before)"], 200), (["If-Modified-Since: yesterday"], 200),
            (["If-None-Match: \"x\"", "If-Modified-Since: \(date)"], 200), (["If-None-Match: \(tag)", "If-Modified-Since: \(before)"], 304),
            (["If-Match: \(tag)"], 200), (["If-Match: *"], 200), (["If-Match: \"x\""], 412), (["If-Match: W/\(tag)"], 412), (["If-Match: \"x\"", "If-None-Match: \(tag)"], 412),
            (["If-Unmodified-Since: \(before)"], 412), (["If-Unmodified-Since: \(date)"], 200), (["If-Match: \(tag)", "If-Unmodified-Since: \(before)"], 200),
            (["Range: bytes=0-3"], 206), (["Range: bytes=0-3", "If-None-Match: \(tag)"], 304), (["Range: bytes=0-3", "If-Range: \(tag)"], 206),
            (["Range: bytes=0-3", "If-Range: \"x\""], 200), (["Range: bytes=0-3", "If-Range: W/\(tag)"], 200), (["Range: bytes=0-3", "If-Range: \(date)"], 200),
            (["Range: bytes=1024-"], 416), (["Range: bytes=1024-", "If-Range: \"x\""], 200), (["Range: bytes=0-1,3-4"], 200), (["Range: lines=0-1"], 200),
        ]
        for (fields, status) in table {
            let stream = harness.connect()
            stream.deliver("GET \(harness.base)/a.pgp HTTP/1.1\r\nHost: x\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
            let response = try #require(stream.responses().first)
            #expect(response.status == status, "\(fields)")
            if status == 304 { #expect(response.fields["etag"] == tag && response.fields["content-length"] == nil && response.fields["last-modified"] == date) }
        }
        #expect(try harness.request("HEAD", harness.base + "/a.pgp", "Range: bytes=0-3").status == 200)
    }

    @Test func ranges() throws {
        let harness = try harness()
        for (path, content) in [("/a.pgp", small), ("/b%20%22%C3%BC%22%25.pgp", large)] {
            for (range, expected) in [("0-3", 0..<4), ("-5", content.count - 5..<content.count), ("500-", 500..<content.count), ("3-99999999", 3..<content.count)] {
                let response = try harness.request("GET", harness.base + path, "Range: bytes=\(range)")
                #expect(response.status == 206 && response.body == Array(content[expected]))
                #expect(response.fields["content-range"] == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/\(content.count)")
            }
            #expect(try harness.request("GET", harness.base + path, "Range: bytes=\(content.count)-").fields["content-range"] == "bytes */\(content.count)")
        }
    }

    @Test func modificationIsNeverLaterThanTheResponse() throws {
        let harness = try Harness([("a.pgp", small, second(1_900_000_000))])
        let response = try harness.request("GET", harness.base + "/a.pgp")
        #expect(response.fields["last-modified"] == response.fields["date"])
    }

    @Test func noDateWhileTheClockIsUnset() throws {
        let harness = try harness()
        let server = Server(store: harness.store, clock: NodeClock(clock: harness.clock, floor: second(2_000_000_000)), loop: harness.loop)
        let stream = MemoryStream()
        server.accept(stream)
        stream.deliver("GET \(harness.base)/a.pgp HTTP/1.1\r\nHost: x\r\n\r\n")
        let response = try #require(stream.responses().first)
        #expect(response.fields["date"] == nil && response.fields["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT")
        server.close()
    }

    /// Between the rename and the fsync of the directory the index still has the old file, which is a version by then.
    @Test func aFileThatIsBeingReplaced() throws {
        let harness = try harness()
        let path = harness.root + "/" + Harness.fingerprint + "/a.pgp", here = Files.currentDirectory
        try Files.makeDirectory(path + ".versions")
        #expect(maud_linkat(here, path, here, path + ".versions/\(SHA256Sum(of: small).hexadecimal.text).pgp") == 0)
        try Files.write(publicFile(1024, seed: 77), to: path + ".new")
        #expect(maud_renameat(here, path + ".new", here, path) == 0)
        let response = try harness.request("GET", harness.base + "/a.pgp")
        #expect(response.status == 200 && response.body == small)
        #expect(response.fields["etag"] == "\"\(SHA256Sum(of: small).hexadecimal.text)\"")
    }

    @Test func aFileThatIsGoneIs503() throws {
        let harness = try harness()
        try Files.remove(harness.root + "/" + Harness.fingerprint + "/a.pgp")
        let response = try harness.request("GET", harness.base + "/a.pgp")
        #expect(response.status == 503 && response.fields["retry-after"] == "1")
    }
}
