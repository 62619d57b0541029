import CLinux
import Glibc
import System
import Testing
@testable import Server

/// One item of a listing, read back by hand: the tests have no JSON reader of their own but this.
private struct Item: Equatable {
    var path: String, size: Int, sum: String

    /// Reads exactly the form that the listing has.
    static func parse(_ body: [UInt8]) throws -> [Item] {
        let text = body.text
        #expect(text.hasPrefix("[") && text.hasSuffix("]"))
        if text == "[]" { return [] }
        return try text.dropFirst().dropLast().replacing("},{", with: "}\n{").split(separator: "\n").map { line in
            let match = try #require(line.wholeMatch(of: /\{"path":"((?:[^"\\]|\\")*)","size":([0-9]+),"sum":"([0-9a-f]{64})"\}/))
            return Item(path: String(match.1).replacing("\\\"", with: "\""), size: try #require(Int(match.2)), sum: String(match.3))
        }
    }
}

/// docs/http.md, section 4.
@Suite struct ListingResponseTests {
    private func harness(_ count: Int) throws -> Harness {
        try Harness((0..<count).map { ("f-\($0).pgp", publicFile(40 + $0, seed: UInt8($0 & 255)), second(1_700_000_000 + Int64($0) / 2, Int64($0) % 2 * 500_000_000)) }
            + [("private.pgp", privateFile(), second(1_700_000_001, 3))])
    }

    private func numbers(_ items: [Item]) -> [Int] { items.map { $0.size - 40 } }

    @Test func completeOldestFirstPublicOnly() throws {
        for count in [0, 1, 2, 300] {
            let harness = try harness(count)
            let response = try harness.request("GET", harness.base)
            let items = try Item.parse(response.body)
            #expect(numbers(items) == Array(0..<count))
            #expect(response.fields["content-type"] == "application/json" && response.fields["cache-control"] == "no-store")
            if let first = items.first { #expect(first == Item(path: harness.base + "/f-0.pgp", size: 40, sum: SHA256Sum(of: publicFile(40)).hexadecimal.text)) }
        }
    }

    @Test func oddNames() throws {
        let harness = try Harness([("\"\".pgp", publicFile(50), 1), ("%41 ü+.pgp", publicFile(51), 2)])
        #expect(try Item.parse(harness.request("GET", harness.base).body).map(\.path) == [harness.base + "/\"\".pgp", harness.base + "/%41 ü+.pgp"])
        #expect(try Item.parse(harness.request("GET", harness.base + "?limit=1").body).map(\.path) == [harness.base + "/\"\".pgp"])
    }

    /// Inclusive in whole seconds, as the Go peer does; nothing changed is an empty array, never 304.
    @Test(arguments: [("Mon, 01 Jan 0001 00:00:00 GMT", 0), ("Tue, 14 Nov 2023 22:13:20 GMT", 0), ("Tue, 14 Nov 2023 22:13:21 GMT", 2), ("Tue, 14 Nov 2023 22:13:24 GMT", 8),
                      ("Tue, 14 Nov 2023 22:13:25 GMT", 10), ("Fri, 31 Dec 9999 23:59:59 GMT", 10), ("nonsense", 0)])
    func since(_ date: String, _ first: Int) throws {
        let harness = try harness(10)
        let response = try harness.request("GET", harness.base, "If-Modified-Since: \(date)")
        let items = try Item.parse(response.body)
        #expect(response.status == 200 && numbers(items) == Array(first..<10))
    }

    @Test(arguments: [1, 3, 10, 11, 1000])
    func pagesFollowEachOther(_ limit: Int) throws {
        let harness = try harness(300)
        var path: String? = harness.base + "?limit=\(limit)", seen: [Int] = [], pages = 0
        while let next = path {
            let response = try harness.request("GET", next)
            let page = numbers(try Item.parse(response.body))
            #expect(page.count == min(limit, 300 - seen.count))
            seen += page
            pages += 1
            path = response.fields["link"].map { link in
                #expect(link.hasPrefix("<") && link.hasSuffix(">; rel=\"next\""))
                return String(link.dropFirst().prefix { $0 != ">" })
            }
        }
        #expect(seen == Array(0..<300) && pages == (300 + limit - 1) / limit)
    }

    @Test func aCursorStaysRightWhenFilesGoAndCome() throws {
        let harness = try harness(6)
        let link = try #require(try harness.request("GET", harness.base + "?limit=3").fields["link"])
        try harness.remove("f-2.pgp")
        try harness.add("late.pgp", publicFile(100), second(1_700_000_100))
        let response = try harness.request("GET", String(link.dropFirst().prefix { $0 != ">" }))
        let items = try Item.parse(response.body)
        #expect(numbers(items) == [3, 4, 5] && response.fields["link"] != nil)
    }

    /// Copies with the same time are at one place of the order: a page does not end between them.
    @Test func copiesStayOnOnePage() throws {
        let harness = try Harness([("a.pgp", publicFile(40), 1)] + (0..<5).map { ("b-\($0).pgp", publicFile(41), 2) } + [("c.pgp", publicFile(42), 3)])
        let first = try harness.request("GET", harness.base + "?limit=3")
        #expect(numbers(try Item.parse(first.body)) == [0, 1, 1, 1, 1, 1])
        let link = try #require(first.fields["link"])
        let second = try harness.request("GET", String(link.dropFirst().prefix { $0 != ">" }))
        #expect(numbers(try Item.parse(second.body)) == [2] && second.fields["link"] == nil)
    }

    @Test func aPageOfWhatIsNew() throws {
        let harness = try harness(10)
        let response = try harness.request("GET", harness.base + "?limit=3", "If-Modified-Since: Tue, 14 Nov 2023 22:13:21 GMT")
        let items = try Item.parse(response.body)
        #expect(numbers(items) == [2, 3, 4])
    }

    @Test(arguments: ["limit=0", "limit=1001", "limit=x", "after=x", "after=1-", "after=-", "after=1-zz", "after=99999999999999999999-\(String(repeating: "0", count: 64))", "limit=1&limit=2"])
    func badQueries(_ query: String) throws {
        let harness = try harness(1)
        #expect(try harness.request("GET", harness.base + "?" + query).status == 400)
    }

    @Test func renderedOncePerChange() throws {
        let harness = try harness(300)
        for _ in 0..<5 { _ = try harness.request("GET", harness.base + "?limit=7") }
        #expect(harness.server.counters.listingsRendered == 1)
        try harness.add("new.pgp", publicFile(500), second(1_700_001_000))
        let items = try Item.parse(harness.request("GET", harness.base).body)
        #expect(numbers(items).last == 460)
        #expect(harness.server.counters.listingsRendered == 2)
    }

    /// One that is being sent is not touched by changes; the next request sees them.
    @Test func aResponseIsOneMomentOfTheDirectory() throws {
        let harness = try harness(300)
        let slow = harness.connect(room: 20_000)
        slow.deliver("GET \(harness.base) HTTP/1.1\r\nHost: x\r\n\r\n")
        try harness.add("new.pgp", publicFile(500), second(1_700_001_000))
        #expect(try Item.parse(harness.request("GET", harness.base).body).count == 301)
        slow.makeRoom(.max)
        let items = try Item.parse(#require(slow.responses().first).body)
        #expect(numbers(items) == Array(0..<300))
    }

    @Test func aMemoryFileThatCannotBeHadIs503() throws {
        let harness = try harness(1)
        // Only calls of this thread fail: other tests run beside this one.
        var thread = pthread_self()
        maud_set_fault({ call, thread in
            guard let call, let thread, thread.load(as: pthread_t.self) == pthread_self() else { return 0 }
            return strcmp(call, "memfd_create") == 0 ? ErrorNumber.processFiles : 0
        }, &thread)
        defer { maud_set_fault(nil, nil) }
        #expect(try harness.request("GET", harness.base).status == 503)
    }
}
