import CLinux
import Glibc
import OpenPGP
import System
import TestSupport
import Testing
@testable import Content

extension StoreTests {
    /// Commands that write beside a running node, and what else can go wrong at the edges.
    @Suite struct ContentFileTests {
        @Test func aCommandBesideARunningNode() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            let first = try shop.put("device.json.pgp", signed("one"), keepingVersions: true)
            let sum = try ContentFile.write(root: shop.path + "/root", own: gina, name: FileName("device.json.pgp"), octets: signed("two"), keepingVersions: true, clock: shop.clock)
            try ContentFile.write(root: shop.path + "/root", own: gina, name: FileName("note.pgp"), octets: signed("note"), exclusive: true, clock: shop.clock)
            try shop.settled()
            #expect(directory.listing == ["device.json.pgp", "note.pgp"])
            #expect(directory.entry("device.json.pgp")?.sum == sum)
            #expect(try directory.version(of: "device.json.pgp", sum: first.sum).flatMap { try directory.contents($0) } == signed("one"))
            #expect(throws: ContentError.self) {
                try ContentFile.write(root: shop.path + "/root", own: gina, name: FileName("note.pgp"), octets: signed("x"), exclusive: true, clock: shop.clock)
            }
            // The node writes after it, in its turn.
            try shop.put("later.pgp", signed("later"))
            #expect(directory.listing.last == "later.pgp")
        }

        @Test func aNewFileIsNewerThanAllThatAreThere() throws {
            let shop = try Workshop { root in
                try Files.makeDirectory(root + "/" + gina.description)
                try Files.write(signed("x"), to: root + "/" + gina.description + "/x.pgp")
                setTime(root + "/" + gina.description + "/x.pgp", 4_000_000_000 * second)
            }
            try ContentFile.write(root: shop.path + "/root", own: gina, name: FileName("a.pgp"), octets: signed("a"), clock: shop.clock)
            #expect(try Files.status(shop.own + "/a.pgp")?.modification_time == 4_000_000_000 * second + 1000)
            let modes = try ["", "/a.pgp"].map { try #require(try Files.status(shop.own + $0)).mode }
            #expect(modes == [0o700, 0o600])
        }

        @Test func aRootThatIsNotThereIsOneClearError() throws {
            let clock = NodeClock(clock: SystemClock(), floor: 0)
            var failure: ContentError?
            do throws(ContentError) {
                try ContentFile.write(root: "/tmp/maud-none/none", own: gina, name: name, octets: [1], clock: clock)
            } catch let thrown { failure = thrown }
            #expect(failure?.exitCode == .noInput)
            #expect(failure?.description.text == "mkdir /tmp/maud-none/none/\(gina.description): No such file or directory")
        }
        private let name = try! FileName("a.pgp")

        @Test func filesBeyondTheBoundAreNotRead() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            // Sparse: reading it would take long, its head looks public.
            let file = try FileDescriptor.open(shop.own + "/big.pgp", [.write, .create])
            try file.writeAll(signed("x"))
            var octet: UInt8 = 0
            #expect(maud_lseek_write(file.rawValue, Int64(Bounds.fileSize), &octet))
            _ = maud_close(file.release())
            try shop.settled()
            #expect(directory.entry("big.pgp") == nil)
            #expect(shop.store.totals.files == 1)
            var failure: ContentError?
            shop.store.put(name, [UInt8](repeating: 0, count: Bounds.fileSize + 1)) { if case .failure(let error) = $0 { failure = error } }
            guard case .tooLarge = failure else { Issue.record("not refused"); return }
        }

        @Test func longNamesArePublishedAndVersioned() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            let long = String(repeating: "ö", count: 120) + ".pgp"
            let first = try shop.put(long, signed("1"), keepingVersions: true)
            try shop.put(long, signed("2"), keepingVersions: true)
            try shop.put("x" + long, signed("3"))
            try shop.settled()
            #expect(directory.listing == [long, "x" + long])
            #expect(try directory.version(of: long, sum: first.sum).flatMap { try directory.contents($0) } == signed("1"))
        }

        /// docs/content.md, 3.3: published once; what would have to keep its content is refused before anything is written.
        @Test func aNameWithoutRoomForVersions() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            let longest = String(repeating: "x", count: 242) + ".pgp", full = String(repeating: "y", count: 243) + ".pgp"
            let first = try shop.put(longest, signed("1"), keepingVersions: true)
            try shop.put(longest, signed("2"), keepingVersions: true)
            #expect(directory.version(of: longest, sum: first.sum) != nil)
            try shop.put(full, signed("1"), keepingVersions: true)
            #expect { try shop.put(full, signed("2"), keepingVersions: true) } throws: { ($0 as? ContentError)?.exitCode == .cannotCreate }
            #expect(throws: ContentError.self) {
                try ContentFile.write(root: shop.path + "/root", own: gina, name: try FileName(full), octets: signed("2"), keepingVersions: true, clock: shop.clock)
            }
            #expect(try directory.served(full) == signed("1"))
        }

        @Test func moreWritesThanTheWorkerTakesAreRefusedNotLost() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            var done = 0, busy = 0
            for number in 0..<200 {
                shop.store.put(try FileName("\(number).pgp"), signed("\(number)"), exclusive: true) { result in
                    switch result {
                    case .success: done += 1
                    case .failure(.busy): busy += 1
                    case .failure(let error): Issue.record("\(error.description)")
                    }
                }
            }
            #expect(busy > 0)
            try shop.settled()
            #expect(done + busy == 200)
            #expect(directory.count == done)
            #expect(directory.listing == directory.listing.sorted { (Int($0.dropLast(4)) ?? 0) < (Int($1.dropLast(4)) ?? 0) })
        }

        /// A real file system of 256 KiB, where a test may mount one.
        @Test(.enabled(if: geteuid() == 0)) func aFullDiskIsTypedAndRoomHelps() throws {
            let base = "/tmp/maud-small-\(maud_process_id())"
            try Files.makeDirectory(base)
            defer { _ = rmdir(base) }
            guard mount("tmpfs", base, "tmpfs", 0, "size=256k") == 0 else { return } // a container without the right to
            defer { umount2(base, Int32(MNT_DETACH)) }
            try fill(base)
        }

        private func fill(_ base: String) throws {
            let shop = try Workshop(in: base)
            let directory = try shop.started()
            let content = signed(String(repeating: "x", count: 20_000))
            var written = 0
            var failure: ContentError?
            while failure == nil, written < 100 {
                do { try shop.put("\(100 + written).pgp", content, exclusive: true); written += 1 } catch let error as ContentError { failure = error }
            }
            guard case .noSpace = failure else { Issue.record("not typed"); return }
            #expect((5...12).contains(written))
            #expect(directory.count == written)
            #expect(try names(inDirectory: shop.own).allSatisfy { !$0.hasPrefix(".") })
            shop.store.remove(try ["100.pgp", "101.pgp"].map { try FileName($0) }) { _ in }
            try shop.settled()
            try shop.put("999.pgp", content, exclusive: true)
            #expect(directory.listing.first == "102.pgp" && directory.listing.last == "999.pgp")
        }

        @Test func stoppingFinishesWhatIsBeingWritten() throws {
            let shop = try Workshop()
            try shop.started()
            var done = 0
            for number in 0..<20 { shop.store.put(try FileName("\(number).pgp"), signed("\(number)")) { if case .success = $0 { done += 1 } } }
            shop.store.stop()
            #expect(done == 20)
            #expect(try names(inDirectory: shop.own).count == 20)
        }

        @Test func theOwnDirectoryMayGoAndComeBack() throws {
            let shop = try Workshop()
            try shop.started()
            try shop.put("a.pgp", signed("a"))
            try Files.removeTree(shop.own)
            try shop.loopUntil { shop.store.directory(gina) == nil }
            var failure: ContentError?
            shop.store.put(name, signed("b")) { if case .failure(let error) = $0 { failure = error } }
            guard case .notReady = failure else { Issue.record("not refused"); return }
            try Files.makeDirectory(shop.own)
            try shop.loopUntil { shop.store.directory(gina)?.isScanned == true }
            try shop.put("b.pgp", signed("b"))
            #expect(try shop.settled().listing == ["b.pgp"])
        }
    }
}

/// One octet at a place far behind: the file between has no blocks.
private func maud_lseek_write(_ fd: Int32, _ offset: Int64, _ octet: inout UInt8) -> Bool { pwrite(fd, &octet, 1, Int(offset)) == 1 }
