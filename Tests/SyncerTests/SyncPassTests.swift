import CLinux
import Content
import Glibc
import GnuPG
import OpenPGP
import Peer
import System
import TestSupport
import Testing
@testable import Syncer

extension SyncerTests {
    @Suite struct SyncPassTests {
        private func file(_ name: String, _ text: String, _ time: Int64 = 1000) -> (name: String, content: [UInt8], time: Int64) { (name, signed(text), time) }

        @Test func whatAFriendHasIsFetchedOldestFirst() throws {
            let rig = try Rig()
            rig.peer.files = [file("b.pgp", "1", 10), file("a.pgp", "2", 20), file("ü \"%.pgp", "3", 30)]
            try rig.visit()
            #expect(rig.received == ["b.pgp", "a.pgp", "ü \"%.pgp"])
            #expect(rig.listing == rig.received)
            for file in rig.peer.files { #expect(rig.content(file.name) == file.content) }
            #expect(rig.peer.requests.last?.path == "/p2p/\(alice.description)/%C3%BC%20%22%25.pgp")
            #expect(rig.friend.since == Int64(1_799_999_998))
            #expect(rig.friend.problem == nil && rig.syncer.counters.files == 3 && rig.syncer.counters.visits == 1)
            #expect(rig.peer.openStreams == 0)
            #expect(try rig.names().allSatisfy { !$0.hasPrefix(".") })
        }

        @Test func theNextVisitAsksForWhatIsNewerAndFetchesWhatIsNew() throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "1", 1_799_999_000)]
            try rig.visit()
            rig.peer.forget()
            rig.peer.date = 1_800_000_060
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.peer.requests.map { $0.fields["if-modified-since"] } == ["Fri, 15 Jan 2027 07:59:58 GMT"])
            #expect(rig.friend.since == 1_800_000_058)
            rig.peer.files.append(file("b.pgp", "2", 1_800_000_059))
            rig.peer.forget()
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.peer.requests.map { $0.path.hasSuffix("b.pgp") } == [false, true])
            #expect(rig.listing == ["a.pgp", "b.pgp"])
        }

        @Test func aChangedFileReplacesTheOldOneWhichBecomesAVersion() throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "old", 1_799_999_999)]
            try rig.visit()
            rig.peer.files = [file("a.pgp", "new", 1_800_000_001)]
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.content("a.pgp") == signed("new"))
            #expect(try rig.names("/a.pgp.versions") == [SHA256Sum(of: signed("old")).hexadecimal.text + ".pgp"])
        }

        /// What it would replace could not be kept: refused once, and nothing else suffers.
        @Test func aChangeUnderANameWithoutRoomForVersionsIsRefused() throws {
            let rig = try Rig()
            let name = String(repeating: "n", count: 246) + ".pgp"
            rig.peer.files = [file(name, "old", 1_799_999_999)]
            try rig.visit()
            #expect(rig.content(name) == signed("old"))
            rig.peer.files = [file(name, "new", 1_800_000_001), file("b.pgp", "2", 1_800_000_001)]
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.content(name) == signed("old") && rig.content("b.pgp") == signed("2"))
            #expect(rig.friend.problem == nil && rig.friend.counters.refused[Refusal.Kind.paths.rawValue] == 1)
            #expect(rig.peer.requests.count { $0.path.hasSuffix(name) } == 1)
        }

        @Test func whatTheFriendDeletedStays() throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "1", 1_799_999_999), file("b.pgp", "1", 1_799_999_999)]
            try rig.visit()
            rig.peer.files.removeFirst()
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.listing.sorted() == ["a.pgp", "b.pgp"])
            #expect(rig.friend.problem == nil)
        }

        @Test func withoutADateOurClockCounts() throws {
            let rig = try Rig()
            rig.peer.date = nil
            rig.clock.advance(100)
            try rig.visit()
            #expect(rig.friend.since == Int64(1_800_000_098))
        }

        @Test func aFriendWhoseClockWentBackIsAskedForEverything() throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "1", 1_799_000_000)]
            try rig.visit()
            rig.peer.date = 1_700_000_000
            rig.peer.files.append(file("b.pgp", "1", 1_700_000_000))
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.listing == ["a.pgp"])
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.listing == ["a.pgp", "b.pgp"])
        }

        @Test func aDirectoryThatWasEmptiedIsFilledAgain() throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "1", 10)]
            try rig.visit()
            try Files.remove(rig.path + "/a.pgp")
            try rig.run { rig.listing.isEmpty }
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.listing == ["a.pgp"])
        }

        // MARK: Pages

        @Test(arguments: [true, false]) func manyFilesComePageByPageOrInOne(_ pages: Bool) throws {
            let rig = try Rig()
            rig.peer.pages = pages
            let count = Bounds.syncEntries * 2 + 3
            rig.peer.files = (0..<count).map { file("f\(10_000 + $0).pgp", "\($0)", Int64($0)) }
            if !pages { rig.peer.answer = { [unowned rig] request in
                request.path.hasSuffix(".pgp") ? nil : ScriptedPeer.response(200, Array(rig.peer.list(rig.peer.files).utf8), rig.peer.dateLine)
            } }
            try rig.visit()
            #expect(rig.listing == rig.peer.files.map { $0.name })
            #expect(rig.friend.problem == nil && rig.friend.since != nil)
            #expect(rig.peer.requests.count { !$0.path.hasSuffix(".pgp") } == 3)
            #expect(rig.friend.listsOnlyFirst == !pages)
        }

        @Test func theGoImplementationGivesItsFirstHundred() throws {
            let rig = try Rig()
            rig.peer.pages = false
            rig.peer.files = (0..<150).map { file("f\(1000 + $0).pgp", "\($0)", Int64($0)) }
            try rig.visit()
            #expect(rig.listing.count == 100)
            #expect(rig.friend.listsOnlyFirst && rig.friend.problem == nil)
        }

        @Test func pagesThatLeadElsewhereOrNeverEnd() throws {
            for link in ["/p2p/\(carol.description)?after=1", "http://192.0.2.9/p2p/\(alice.description)?after=1", "/p2p/\(alice.description)/x?after=1"] {
                let rig = try Rig()
                rig.peer.answer = { _ in ScriptedPeer.response(200, Array("[]".utf8), "Link: <\(link)>; rel=\"next\"\r\n") }
                try rig.visit()
                #expect(rig.friend.problem?.text == "the pages of the listing do not end")
                #expect(rig.peer.requests.count == 1)
            }
            let rig = try Rig()
            var number = 0
            rig.peer.answer = { [unowned rig] request in
                if request.path.hasSuffix(".pgp") { return nil }
                number += 1
                return ScriptedPeer.response(200, Array(rig.peer.list([]).dropLast().utf8) + Array("{}]".utf8), "Link: <\(request.path)?after=\(number)>; rel=\"next\"\r\n")
            }
            try rig.visit()
            #expect(rig.friend.problem?.text == "too many of its files were refused" || rig.friend.problem?.text == "the pages of the listing do not end")
            #expect(rig.peer.requests.count <= Bounds.syncPages)
            #expect(rig.peer.openStreams == 0)
        }

        @Test func aListingThatDoesNotEndIsLeft() throws {
            let rig = try Rig()
            rig.peer.answer = { _ in Array("HTTP/1.1 200 OK\r\n\r\n[".utf8) + [UInt8](repeating: 0x20, count: Bounds.receivedListingOctets + 1) }
            try rig.visit()
            #expect(rig.friend.problem?.text == "the listing does not end")
            #expect(rig.friend.since == nil && rig.peer.openStreams == 0)
        }

        // MARK: Lies

        @Test func liesAboutSizeAndSumAreRefusedCountedAndNamed() throws {
            let rig = try Rig()
            rig.peer.files = [file("short.pgp", "1"), file("long.pgp", "2"), file("sum.pgp", "3"), file("huge.pgp", "4"), file("good.pgp", "5")]
            rig.peer.listedSize = { name, size in name == "short.pgp" ? size + 1 : name == "long.pgp" ? size - 1 : name == "huge.pgp" ? Bounds.fileSize + 1 : size }
            rig.peer.listedSum = { name, sum in name == "sum.pgp" ? SHA256Sum(of: [1]) : sum }
            try rig.visit()
            #expect(rig.listing == ["good.pgp"])
            #expect(rig.friend.counters.refused[Refusal.Kind.sizes.rawValue] == 3)
            #expect(rig.friend.counters.refused[Refusal.Kind.sums.rawValue] == 1)
            #expect(rig.friend.problem == nil && rig.friend.since != nil)
            #expect(try rig.names() == ["good.pgp"])
            // They are not asked for again, though the listing has them still.
            rig.friend.since = nil
            rig.peer.forget()
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.peer.requests.count == 1 && rig.friend.counters.refusedFiles == 4)
            // The same files listed as they are, are other entries.
            rig.peer.listedSize = { _, size in size }
            rig.friend.since = nil
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(try rig.names() == ["good.pgp", "huge.pgp", "long.pgp", "short.pgp"])
        }

        /// A listing has them each time.
        @Test func entriesThatAreNoneAreCountedAndNamedOnce() throws {
            let rig = try Rig()
            rig.peer.files = [file("good.pgp", "1"), file("huge.pgp", "2"), file(".hidden.pgp", "3")]
            rig.peer.listedSize = { name, size in name == "huge.pgp" ? Bounds.fileSize + 1 : size }
            rig.peer.answer = { [unowned rig] request in
                if request.path.hasSuffix(".pgp") { return nil }
                // Carol's has the name and the octets of a good file: that one is taken all the same.
                let entries = rig.peer.list([rig.peer.files[0]], of: carol).dropLast() + "," + rig.peer.list(rig.peer.files).dropFirst()
                return ScriptedPeer.response(200, Array(entries.utf8), rig.peer.dateLine)
            }
            for _ in 0..<3 {
                try rig.visit()
                try rig.pass(Bounds.syncIntervalSeconds)
            }
            #expect(rig.listing == ["good.pgp"] && rig.friend.problem == nil)
            #expect(rig.friend.counters.refused[Refusal.Kind.paths.rawValue] == 2 && rig.friend.counters.refused[Refusal.Kind.sizes.rawValue] == 1)
        }

        /// What a peer might answer when nothing is new.
        @Test func afterNotModifiedThePositionStays() throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "1", 1_799_999_000)]
            try rig.visit()
            rig.peer.answer = { _ in Array("HTTP/1.1 304 Not Modified\r\n\r\n".utf8) }
            try rig.pass(Bounds.syncIntervalSeconds)
            #expect(rig.friend.since == 1_799_999_998 && rig.friend.problem == nil)
        }

        /// Chunked, and to the end of the connection: the length is not announced.
        @Test(arguments: [-1, 0, 1]) func contentOfAnUnannouncedLength(_ difference: Int) throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "some content"), file("b.pgp", "other")]
            rig.peer.listedSize = { name, size in name == "a.pgp" ? size + difference : size }
            rig.peer.answer = { [unowned rig] request in
                guard request.path.hasSuffix("/a.pgp") else { return nil }
                let content = rig.peer.files[0].content
                return Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n".utf8) + content[0..<3]
                    + Array("\r\n\(String(content.count - 3, radix: 16))\r\n".utf8) + content[3...] + Array("\r\n0\r\n\r\n".utf8)
            }
            try rig.visit()
            #expect(rig.listing == (difference == 0 ? ["a.pgp", "b.pgp"] : ["b.pgp"]))
            #expect(rig.friend.counters.refused[Refusal.Kind.sizes.rawValue] == (difference == 0 ? 0 : 1))
        }

        @Test func onlyTheFriendsOwnPathsCount() throws {
            let rig = try Rig()
            rig.peer.answer = { [unowned rig] request in
                if request.path.hasSuffix(".pgp") { return nil }
                let one = self.file("x.pgp", "1")
                let entries = rig.peer.list([one], of: carol).dropFirst().dropLast() + "," + rig.peer.list([("../../evil.pgp", one.content, 0)]).dropFirst().dropLast()
                return ScriptedPeer.response(200, Array("[\(entries)]".utf8))
            }
            try rig.visit()
            #expect(rig.friend.counters.refused[Refusal.Kind.paths.rawValue] == 2)
            #expect(try rig.names().isEmpty && rig.peer.requests.count == 1)
        }

        @Test func whatIsNotTheFriendsIsRefused() throws {
            let rig = try Rig()
            let names = ["other", "bad", "unsigned", "bomb", "foreign", "good"]
            rig.peer.files = names.map { file($0 + ".pgp", $0) }
            func sum(_ name: String) -> SHA256Sum { SHA256Sum(of: signed(name)) }
            rig.verifier.answers = [(sum("other"), .success(VerifiedMessage(signer: carol, time: 0, contentOctets: 1))), (sum("bad"), .failure(.badSignature)),
                                    (sum("unsigned"), .failure(.notSigned)), (sum("bomb"), .failure(.tooLarge)), (sum("foreign"), .failure(.notForUs))]
            try rig.visit()
            #expect(rig.listing == ["good.pgp"])
            #expect(rig.friend.counters.refused[Refusal.Kind.signatures.rawValue] == 3)
            #expect(rig.friend.counters.refused[Refusal.Kind.bombs.rawValue] == 1)
            #expect(rig.friend.counters.refused[Refusal.Kind.notForUs.rawValue] == 1)
            #expect(rig.friend.lastRefusal?.reason.text == "it is not encrypted to this account, so its signature cannot be verified")
            #expect(try rig.names() == ["good.pgp"])
            #expect(rig.friend.problem == nil)
            #expect(rig.verifier.limits.allSatisfy { $0 <= Bounds.inflation * 60 })
        }

        @Test func aGpgThatIsBusyIsAskedAgain() throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "1"), file("b.pgp", "2")]
            rig.verifier.answers = [(SHA256Sum(of: signed("1")), .failure(.busy))]
            try rig.visit()
            #expect(rig.listing == ["b.pgp"] && rig.friend.since == nil)
            #expect(rig.friend.problem != nil)
            rig.verifier.answers = []
            rig.peer.forget()
            try rig.pass(Bounds.syncPauseSeconds)
            #expect(rig.listing == ["b.pgp", "a.pgp"] && rig.friend.since != nil)
            // It had arrived already.
            #expect(rig.peer.requests.count == 1)
        }

        @Test func tooManyRefusalsEndTheVisit() throws {
            let rig = try Rig()
            rig.peer.files = (0..<Bounds.syncRefusals + 10).map { file("f\($0).pgp", "\($0)") }
            rig.peer.listedSize = { _, size in size + 1 }
            try rig.visit()
            #expect(rig.friend.problem?.text == "too many of its files were refused")
            #expect(try rig.names().isEmpty)
        }

        // MARK: Room

        /// A file of so many octets that takes no room on the disk.
        private func hole(_ path: String, _ octets: Int64) throws {
            try Files.write([], to: path)
            #expect(truncate(path, Int(octets)) == 0)
        }

        @Test func aFriendGetsSoMuchRoomAndNoMore() throws {
            let rig = try Rig { try hole($0 + "/big.pgp", Bounds.syncOctetsPerFriend - 10) }
            rig.peer.files = [file("a.pgp", "1")]
            try rig.visit()
            #expect(rig.peer.requests.count == 1 && rig.friend.problem?.text == "its files take 262143 of the 262144 KiB that they may")
            try Files.remove(rig.path + "/big.pgp")
            try rig.run { rig.store.directory(alice)?.octets == 0 }
            try rig.pass(Bounds.syncPauseSeconds)
            #expect(rig.listing == ["a.pgp"])
        }

        @Test func allFriendsTogetherGetSoMuch() throws {
            let rig = try Rig { path in
                for number in 1...4 {
                    let other = String(path.dropLast(Fingerprint.digits)) + String(repeating: "\(number)", count: Fingerprint.digits)
                    try Files.makeDirectory(other)
                    try hole(other + "/big.pgp", Bounds.syncOctets / 4)
                }
            }
            rig.peer.files = [file("a.pgp", "1")]
            try rig.visit()
            #expect(rig.peer.requests.count == 1 && rig.friend.problem?.text == "all friends' files take 1048576 of the 1048576 KiB that they may")
        }

        // MARK: Downloads that break off

        /// A visit whose only file, `big.pgp` with this text, broke off.
        private func broken(after octets: Int) throws -> (rig: Rig, text: String) {
            let rig = try Rig(), text = String(repeating: "0123456789", count: 10_000)
            rig.peer.files = [file("big.pgp", text)]
            rig.peer.breaksAfter = octets
            try rig.visit()
            return (rig, text)
        }

        /// Wherever the connection breaks, what has arrived does not come again, and the file is whole in the end.
        @Test(arguments: [300, 1000, 40_000, 70_000, 99_999]) func aBrokenDownloadGoesOn(_ octets: Int) throws {
            let (rig, text) = try broken(after: octets)
            #expect(rig.listing.isEmpty && rig.friend.problem != nil)
            rig.peer.breaksAfter = nil
            rig.peer.forget()
            try rig.pass(Bounds.syncLongestPauseSeconds)
            #expect(rig.content("big.pgp") == signed(text))
            let range = try #require(rig.peer.requests.last?.fields["range"])
            let first = try #require(Int(range.dropFirst(6).dropLast()))
            #expect(first >= octets - 600, "\(first) of \(octets)")
            #expect(rig.friend.counters.resumed > 0)
        }

        @Test(arguments: [true, false]) func aDownloadGoesOnAfterARestart(_ cleanly: Bool) throws {
            let (rig, text) = try broken(after: 50_000)
            // Another one that nobody will ask for again.
            try Files.write([1, 2, 3], to: rig.path + "/.maud-" + String(repeating: "ab", count: 32) + ".part")
            try rig.restart(cleanly: cleanly)
            rig.peer.breaksAfter = nil
            rig.peer.forget()
            try rig.visit()
            #expect(rig.content("big.pgp") == signed(text))
            #expect(rig.peer.requests.last?.fields["range"] != nil)
            #expect(try rig.names() == ["big.pgp"])
        }

        /// A node and `mau` share a directory: who comes second waits, and has nothing to fetch when the first has all of it.
        @Test(arguments: [true, false]) func aFileThatAnotherProgramReceives(_ arrives: Bool) throws {
            let rig = try Rig(), big = file("big.pgp", "content"), part = rig.path + "/.maud-\(SHA256Sum(of: big.content).hexadecimal.text).part"
            let other = try FileDescriptor.open(part, [.write, .create])
            _ = try check(maud_lock(other.rawValue, true, false), "flock")
            rig.peer.files = [big]
            try rig.visit()
            try rig.pass(1)
            #expect(rig.listing.isEmpty && rig.friend.problem == nil && rig.peer.requests.count == 1)
            if arrives {
                try Files.write(big.content, to: rig.path + "/big.pgp")
                try rig.run { rig.listing == ["big.pgp"] }
            }
            try Files.remove(part)
            try rig.pass(1)
            #expect(rig.content("big.pgp") == big.content && rig.friend.problem == nil)
            #expect(rig.peer.requests.count == (arrives ? 1 : 2))
            _ = other.rawValue
        }

        @Test func aFileThatAnotherProgramNeverGets() throws {
            let rig = try Rig(), files = [file("a.pgp", "one"), file("b.pgp", "two")]
            let other = try FileDescriptor.open(rig.path + "/.maud-\(SHA256Sum(of: files[0].content).hexadecimal.text).part", [.write, .create])
            _ = try check(maud_lock(other.rawValue, true, false), "flock")
            rig.peer.files = files
            try rig.visit()
            for _ in 0...Bounds.syncElsewhereWaits {
                rig.clock.sinceBoot += Int64(Bounds.syncElsewhereMilliseconds) * 1_000_000
                try rig.settle()
            }
            #expect(rig.listing == ["b.pgp"] && rig.friend.problem != nil)
            _ = other.rawValue
        }

        @Test func aServerThatIgnoresTheRangeSendsAll() throws {
            let (rig, text) = try broken(after: 50_000)
            rig.peer.breaksAfter = nil
            rig.peer.answer = { [unowned rig] request in request.path.hasSuffix(".pgp") ? ScriptedPeer.response(200, rig.peer.files[0].content) : nil }
            try rig.pass(Bounds.syncPauseSeconds)
            #expect(rig.content("big.pgp") == signed(text))
        }

        @Test(arguments: ["bytes 0-9/100023", "bytes 5-100022/100023", "bytes */100023", "x"]) func aPartThatWasNotAskedForIsNotTaken(_ range: String) throws {
            let (rig, text) = try broken(after: 50_000)
            rig.peer.breaksAfter = nil
            rig.peer.answer = { request in
                request.fields["range"] == nil ? nil : ScriptedPeer.response(206, Array("0123456789".utf8), "Content-Range: \(range)\r\n")
            }
            try rig.pass(Bounds.syncPauseSeconds)
            #expect(rig.content("big.pgp") == signed(text))
        }

        /// What lies there is not what it was: the sum tells, and everything is fetched again.
        @Test func aDamagedPartIsFetchedAgain() throws {
            let (rig, text) = try broken(after: 50_000)
            let part = try #require(try rig.names().first)
            let damaged = try FileDescriptor.open(rig.path + "/" + part, [.write])
            try damaged.writeAll([0xFF, 0xFF])
            rig.peer.breaksAfter = nil
            try rig.pass(Bounds.syncPauseSeconds)
            #expect(rig.content("big.pgp") == signed(text))
            #expect(rig.friend.counters.refusedFiles == 0)
        }

        @Test func aServerThatClosesAfterEachAnswerIsFine() throws {
            let rig = try Rig()
            rig.peer.files = (0..<5).map { file("f\($0).pgp", "\($0)", Int64($0)) }
            rig.peer.answer = { [unowned rig] request in
                let whole = request.path.hasSuffix(".pgp") ? rig.peer.file(request) : rig.peer.listing(request)
                return Array("HTTP/1.0".utf8) + whole[8...]
            }
            try rig.visit()
            #expect(rig.listing.count == 5 && rig.peer.dials.count == 6 && rig.friend.problem == nil)
        }

        @Test(arguments: [1, 7, 1000]) func octetsInPiecesOfAnySize(_ stride: Int) throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", String(repeating: "x", count: stride * 100)), file("b.pgp", "2")]
            rig.peer.stride = stride
            try rig.visit()
            #expect(rig.listing == ["a.pgp", "b.pgp"])
        }

        @Test(arguments: [401, 403, 404, 410]) func aFileThatIsGoneIsLeftOut(_ status: Int) throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "1"), file("b.pgp", "2")]
            rig.peer.answer = { $0.path.hasSuffix("/a.pgp") ? ScriptedPeer.response(status, Array("sorry".utf8)) : nil }
            try rig.visit()
            #expect(rig.listing == ["b.pgp"] && rig.friend.counters.vanished == 1 && rig.friend.problem == nil)
        }

        @Test(arguments: [500, 503, 429, 302]) func anotherAnswerIsTriedAgain(_ status: Int) throws {
            let rig = try Rig()
            rig.peer.files = [file("a.pgp", "1"), file("b.pgp", "2")]
            rig.peer.answer = { $0.path.hasSuffix("/a.pgp") ? ScriptedPeer.response(status, []) : nil }
            try rig.visit()
            #expect(rig.listing == ["b.pgp"] && rig.friend.since == nil)
            #expect(rig.friend.problem?.text == "the peer answered with status \(status)")
        }

        // MARK: Whatever a peer sends

        /// Nothing that a peer sends does harm: nothing is left open, nothing comes into the directory that was not verified.
        @Test func aSeededSearch() throws {
            var random = SeededGenerator(seed: 0x73796E63)
            for round in 0..<150 {
                let rig = try Rig()
                rig.peer.files = [file("a.pgp", String(repeating: "x", count: 5000)), file("b.pgp", "2")]
                rig.peer.stride = [1, 100, .max][round % 3]
                rig.peer.answer = { [unowned rig] request in
                    var octets = request.path.hasSuffix(".pgp") ? rig.peer.file(request) : rig.peer.listing(request)
                    for _ in 0..<Int.random(in: 0...2, using: &random) {
                        let position = Int.random(in: 0..<max(1, min(octets.count, 400)), using: &random)
                        switch Int.random(in: 0..<4, using: &random) {
                        case 0: octets[position] = UInt8.random(in: 0...255, using: &random)
                        case 1: octets.insert(Array("\r\n:[]{}\"0".utf8).randomElement(using: &random) ?? 0, at: position)
                        case 2: octets.remove(at: position)
                        default: octets.removeSubrange(position...)
                        }
                        if octets.isEmpty { octets = [0] }
                    }
                    return octets
                }
                try rig.visit()
                for _ in 0..<4 { try rig.pass(700) }
                #expect(rig.peer.openStreams <= 1)
                for name in rig.listing { #expect(rig.peer.files.contains { $0.content == rig.content(name) }) }
            }
        }
    }
}
