import CLinux
import OpenPGP
import System
import TestSupport
import Testing
@testable import Content

extension StoreTests {
    @Suite struct StoreStartTests {
        private func fill(_ root: String, _ count: Int) throws {
            try Files.makeDirectory(root + "/" + gina.description)
            for number in 0..<count {
                let path = root + "/" + gina.description + "/r-temperature-\(100_000 + number).json.pgp"
                try Files.write(number % 2 == 0 ? signed("\(number)") : encrypted("\(number)", to: UInt8(number % 5)), to: path)
                setTime(path, (1000 + Int64(number)) * second)
            }
        }

        @Test func withoutCacheEveryFileIsHashedOnceAndWithItNone() throws {
            let shop = try Workshop { try fill($0, 600) }
            var directory = try shop.started()
            #expect(directory.count == 600)
            #expect(shop.store.counters.examined == 600)
            let before = directory.listing
            #expect(before == before.sorted())
            // 100 ms after the last change: younger files may change unnoticed, so the cache leaves them out.
            let old = maud_realtime() + 110_000_000
            while maud_realtime() < old {}
            try shop.restart()
            directory = try shop.started()
            #expect(shop.store.counters.examined == 0)
            #expect(shop.store.counters.cached == 600)
            #expect(directory.listing == before)
            #expect(directory.entry("r-temperature-100003.json.pgp")?.recipients == [KeyID(rawValue: 3)])
        }

        /// A listing with holes would make followers miss files for ever: ready means that every own file is known.
        @Test func readyMeansThatNothingIsMissing() throws {
            let shop = try Workshop { try fill($0, 300) }
            var known = -1
            var wasSettledBefore = false
            try shop.store.start { known = shop.store.directory(gina)?.count ?? 0 }
            while known < 0 {
                if known < 0, let directory = shop.store.directory(gina), directory.isSettled, directory.count < 300 { wasSettledBefore = true }
                try shop.loop.runOnce(wait: true)
            }
            #expect(known == 300 && !wasSettledBefore)
            #expect(shop.store.directory(gina)?.isSettled == true)
        }

        @Test func onlyWhatChangedIsHashedAgain() throws {
            let shop = try Workshop { try fill($0, 50) }
            try shop.started()
            let old = maud_realtime() + 110_000_000
            while maud_realtime() < old {}
            shop.store.stop()
            try Files.write(signed("NEW!"), to: shop.own + "/r-temperature-100004.json.pgp")
            setTime(shop.own + "/r-temperature-100004.json.pgp", 1004 * second)
            try Files.remove(shop.own + "/r-temperature-100006.json.pgp")
            try Files.write(signed("more"), to: shop.own + "/more.pgp")
            try shop.restart()
            let directory = try shop.started()
            #expect(shop.store.counters.examined == 2)
            #expect(directory.count == 50)
            #expect(try directory.served("r-temperature-100004.json.pgp") == signed("NEW!"))
        }

        @Test func aDamagedOrLostCacheCostsTimeOnly() throws {
            let shop = try Workshop { try fill($0, 20) }
            try shop.started()
            shop.store.stop()
            let cache = try Files.read(shop.path + "/state/index", limit: 1 << 20)
            var random = SeededGenerator(seed: 7)
            for round in 0..<60 {
                var damaged = cache
                switch round % 3 {
                case 0: damaged[Int.random(in: 0..<damaged.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 1: damaged.removeSubrange(Int.random(in: 0..<damaged.count, using: &random)...)
                default:
                    // A right sum over wrong contents.
                    damaged.removeLast(32)
                    damaged[Int.random(in: 0..<damaged.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
                    SHA256Sum(of: damaged).withBytes { damaged.append(contentsOf: $0) }
                }
                try Files.write(damaged, to: shop.path + "/state/index")
                try shop.restart(cleanly: false)
                let directory = try shop.started()
                #expect(directory.files.count == 20)
                if round % 3 != 2 { #expect(directory.count == 20) }
            }
            try Files.remove(shop.path + "/state/index")
            try shop.restart()
            #expect(try shop.started().count == 20)
        }

        @Test func filesOfTheOtherImplementations() throws {
            let friends = [("ref/alice/", alice), ("gnupg24/gina/", gina)]
            let shop = try Workshop { root in
                for (path, fingerprint) in friends { try copy(fixturePath(path + fingerprint.description), to: root + "/" + fingerprint.description) }
            }
            let own = try shop.started()
            #expect(own.entry("public.json.pgp")?.isPublic == true)
            #expect(own.entry("public-uncompressed.json.pgp")?.isPublic == true)
            #expect(own.entry("hello.json.pgp")?.isPublic == false)
            #expect(own.entry("BAD-armored.json.pgp") == nil)
            let theirs = try #require(shop.store.directory(alice))
            #expect(theirs.count == 7)
            let sum = try #require(SHA256Sum(hexadecimal: Array("1d46a677c9b8bb03e59a75f8caefdf930d0a7af474b531ecf2f27967629391f7".utf8)))
            let version = try #require(theirs.version(of: "note.json.pgp", sum: sum))
            #expect(version.recipients.count == 2)
            #expect(try theirs.contents(version).map { SHA256Sum(of: $0) } == sum)
        }

        private func copy(_ from: String, to: String) throws {
            try Files.makeDirectory(to)
            let fd = try FileDescriptor.open(from, [.read, .directory])
            try Files.forEachName(inDirectory: fd.rawValue) { (name) throws(SystemError) in
                let name = String(cString: name)
                if try Files.status(from + "/" + name)?.kind == UInt32(MAUD_FILE_DIRECTORY) {
                    do { try copy(from + "/" + name, to: to + "/" + name) } catch { throw SystemError(code: 5, call: "copy") }
                } else { try Files.write(try Files.read(from + "/" + name, limit: 1 << 20), to: to + "/" + name) }
                return true
            }
        }

        @Test func leftoversOfDeadProcessesAreRemoved() throws {
            let shop = try Workshop { root in
                try Files.makeDirectory(root + "/" + gina.description)
                try Files.makeDirectory(root + "/" + gina.description + "/a.pgp.versions")
                for path in ["/.maud-4194304-0.tmp", "/a.pgp.versions/.maud-4194304-7.tmp", "/.maud-1-0.tmp", "/.keep"] {
                    try Files.write([1], to: root + "/" + gina.description + path)
                }
            }
            try shop.started()
            // Process 1 lives: it may be writing. What is not ours stays.
            #expect(try names(inDirectory: shop.own) == [".keep", ".maud-1-0.tmp", "a.pgp.versions"])
            #expect(try names(inDirectory: shop.own + "/a.pgp.versions") == [])
        }

        @Test func nothingIsWrittenBeforeTheDirectoryIsKnown() throws {
            let shop = try Workshop { try fill($0, 3) }
            var error: ContentError?
            shop.store.put(try FileName("a.pgp"), [1]) { if case .failure(let failure) = $0 { error = failure } }
            guard case .notReady = error else { Issue.record("not refused"); return }
            let directory = try shop.started()
            try shop.put("a.pgp", signed("a"))
            #expect(directory.listing.last == "a.pgp")
        }

        @Test func aThousandFilesAreThereAtOnceWithAWarmCache() throws {
            let shop = try Workshop { try fill($0, 1100) }
            try shop.started()
            // Written when 1,024 files were examined, and when all were; not after each.
            #expect(shop.store.counters.saved <= 2)
            let old = maud_realtime() + 110_000_000
            while maud_realtime() < old {}
            try shop.restart()
            let begin = maud_since_boot()
            var isReady = false
            try shop.store.start { isReady = true }
            while !isReady { try shop.loop.runOnce(wait: true) }
            let milliseconds = (maud_since_boot() - begin) / 1_000_000
            #expect(shop.store.directory(gina)?.count == 1100)
            print("warm start with 1,100 files: \(milliseconds) ms (unoptimised)")
            #expect(milliseconds < 1000)
        }
    }
}
