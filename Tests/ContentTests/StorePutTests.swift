import CLinux
import OpenPGP
import System
import TestSupport
import Testing
@testable import Content

extension StoreTests {
    @Suite struct StorePutTests {
        @Test func publishedFilesAreListedInOrderWithTheirSums() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            let before = directory.generation
            for number in 0..<5 { try shop.put("r-\(9 - number).json.pgp", signed("reading \(number)"), exclusive: true) }
            #expect(directory.listing == ["r-9.json.pgp", "r-8.json.pgp", "r-7.json.pgp", "r-6.json.pgp", "r-5.json.pgp"])
            #expect(directory.generation != before)
            let entry = try #require(directory.entry("r-9.json.pgp"))
            #expect(entry.isPublic && entry.recipients.isEmpty)
            #expect(entry.sum == SHA256Sum(of: signed("reading 0")))
            #expect(try directory.served("r-9.json.pgp") == signed("reading 0"))
            #expect(try names(inDirectory: shop.own) == ["r-5.json.pgp", "r-6.json.pgp", "r-7.json.pgp", "r-8.json.pgp", "r-9.json.pgp"])
            #expect(shop.store.totals.octets == directory.listing.reduce(0) { $0 + (directory.entry($1)?.size ?? 0) })
            // Nothing of what the node wrote itself is read again.
            try shop.settled()
            #expect(shop.store.counters.examined == 0)
        }

        @Test func privateFilesCarryTheirRecipients() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            try shop.put("a.pgp", encrypted("x", to: 7))
            let entry = try #require(directory.entry("a.pgp"))
            #expect(!entry.isPublic)
            #expect(entry.recipients == [KeyID(rawValue: 7)])
            // What nobody may see is kept, and counted, but not there for anyone.
            try shop.put("garbage.pgp", Array("-----BEGIN".utf8))
            #expect(directory.entry("garbage.pgp") == nil)
            #expect(directory.listing == ["a.pgp"])
            #expect(shop.store.totals.files == 2)
        }

        @Test func anImmutableFileIsNeverReplaced() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            try shop.put("a.pgp", signed("one"), exclusive: true)
            #expect(throws: ContentError.self) { try shop.put("a.pgp", signed("two"), exclusive: true) }
            #expect(try directory.served("a.pgp") == signed("one"))
            #expect(try names(inDirectory: shop.own) == ["a.pgp"])
        }

        @Test func thePreviousContentBecomesAVersion() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            let sums = try (1...3).map { try shop.put("note.pgp", signed("note \($0)"), keepingVersions: true).sum }
            try shop.settled()
            let files = try names(inDirectory: shop.own + "/note.pgp.versions")
            #expect(files == sums[..<2].map { $0.hexadecimal.text + ".pgp" }.sorted())
            for (number, sum) in sums.enumerated() {
                let version = try #require(directory.version(of: "note.pgp", sum: sum))
                #expect(version.isPublic)
                #expect(try directory.contents(version) == signed("note \(number + 1)"))
            }
            #expect(directory.version(of: "note.pgp", sum: SHA256Sum(of: [1])) == nil)
            #expect(shop.store.totals.octets == Int64(signed("note 1").count * 3))
            #expect(shop.store.counters.examined == 0)
            // The same content again is not a version of itself.
            try shop.put("note.pgp", signed("note 3"), keepingVersions: true)
            #expect(try names(inDirectory: shop.own + "/note.pgp.versions").count == 2)
        }

        @Test func versionsAreBoundedByCountAndOctets() throws {
            var limits = Store.Limits()
            limits.versionCount = 4
            let shop = try Workshop(limits: limits)
            let directory = try shop.started()
            var sums = try (0..<8).map { try shop.put("a.pgp", signed("version \($0)"), keepingVersions: true).sum }
            try shop.settled()
            #expect(try names(inDirectory: shop.own + "/a.pgp.versions") == sums[3..<7].map { $0.hexadecimal.text + ".pgp" }.sorted())
            #expect(directory.version(of: "a.pgp", sum: sums[2]) == nil)
            #expect(directory.version(of: "a.pgp", sum: sums[3]) != nil)
            #expect(shop.store.totals.versions == 4)
            limits.versionOctets = 1900
            try shop.restart(limits: limits)
            let again = try shop.started()
            sums = try (0..<3).map { try shop.put("a.pgp", signed("\($0)" + String(repeating: "x", count: 900)), keepingVersions: true).sum }
            try shop.settled()
            #expect(try names(inDirectory: shop.own + "/a.pgp.versions") == sums[..<2].map { $0.hexadecimal.text + ".pgp" }.sorted())
            #expect(again.octets < 4000)
        }

        @Test func theDirectoryIsBounded() throws {
            var limits = Store.Limits()
            limits.files = 3
            let shop = try Workshop(limits: limits)
            let directory = try shop.started()
            for number in 0..<3 { try shop.put("\(number).pgp", signed("\(number)")) }
            #expect(throws: ContentError.self) { try shop.put("3.pgp", signed("3")) }
            try shop.put("2.pgp", signed("replaced"))
            // Another program does not know the bound: its file waits outside.
            try Files.write(signed("foreign"), to: shop.own + "/foreign.pgp")
            try shop.settled()
            #expect(directory.listing == ["0.pgp", "1.pgp", "2.pgp"])
            #expect(directory.ignored > 0)
            var removed = 0
            shop.store.remove([try FileName("0.pgp")]) { removed = (try? $0.get()) ?? 0 }
            try shop.settled()
            #expect(removed == 1)
            #expect(directory.listing == ["1.pgp", "2.pgp", "foreign.pgp"])
        }

        @Test func removingIsCountedAndSeen() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            for number in 0..<10 { try shop.put("\(number).pgp", signed("\(number)")) }
            let generation = directory.generation
            var result: Result<Int, ContentError>?
            shop.store.remove(try ["0.pgp", "1.pgp", "none.pgp", "2.pgp"].map { try FileName($0) }) { result = $0 }
            try shop.settled()
            #expect(try result?.get() == 4)
            #expect(directory.listing == (3..<10).map { "\($0).pgp" })
            #expect(directory.generation != generation)
            #expect(shop.store.totals.files == 7)
        }
    }
}
