import CLinux
import Glibc
import OpenPGP
import System
import TestSupport
import Testing
@testable import Content

extension StoreTests {
    /// A process that posts is killed at random moments: what it acknowledged is there and whole.
    @Suite struct StoreKillTests {
        private static let size = 3000

        /// What file number `number` holds.
        private func content(_ number: Int) -> [UInt8] {
            signed("number \(100_000 + number) " + String(repeating: "\(number % 10)", count: StoreKillTests.size))
        }

        @Test func fiftyKillsLoseNothing() throws {
            let shop = try Workshop()
            try Files.makeDirectory(shop.own)
            var random = SeededGenerator(seed: 0x6B69_6C6C)
            var acknowledged: [Int] = [], next = 0
            for _ in 0..<50 {
                let wanted = Int.random(in: 0...4, using: &random), spin = Int.random(in: 0...3_000_000, using: &random)
                let (done, reached) = try round(shop.own, from: next, until: wanted, thenSpin: Int64(spin))
                acknowledged += done
                next = reached
            }
            #expect(acknowledged.count > 50)
            let directory = try shop.started()
            for number in acknowledged where number % 3 != 0 {
                #expect(try directory.served("r-\(100_000 + number).pgp") == content(number), "file \(number)")
            }
            // Nothing half-written: every file that is listed holds what was meant, acknowledged or not.
            var listed = 0
            for name in directory.listing where name.hasPrefix("r-") {
                let number = try #require(Int(name.dropFirst(2).dropLast(4))) - 100_000
                #expect(try directory.served(name) == content(number), "file \(number)")
                listed += 1
            }
            #expect(listed >= acknowledged.filter { $0 % 3 != 0 }.count)
            try checkNote(shop, directory, acknowledged)
            #expect(try names(inDirectory: shop.own).allSatisfy { !$0.hasPrefix(".") })
            #expect(try names(inDirectory: shop.own + "/note.pgp.versions").allSatisfy { !$0.hasPrefix(".") })
        }

        /// The note is the last one acknowledged or a later one; its versions are whole and within their bound.
        private func checkNote(_ shop: Workshop, _ directory: Directory, _ acknowledged: [Int]) throws {
            let newest = try #require(acknowledged.last { $0 % 3 == 0 })
            let note = try #require(try directory.served("note.pgp"))
            #expect((newest..<newest + 30).contains { content($0) == note })
            let versions = try names(inDirectory: shop.own + "/note.pgp.versions")
            #expect((1...Bounds.versionsPerFile + 1).contains(versions.count))
            for version in versions {
                let bytes = try Files.read(shop.own + "/note.pgp.versions/" + version, limit: 1 << 20)
                #expect(SHA256Sum(of: bytes).hexadecimal.text + ".pgp" == version)
            }
        }

        /// One child: what it acknowledged, and the number after the last one that it may have begun.
        private func round(_ path: String, from first: Int, until wanted: Int, thenSpin spin: Int64) throws -> ([Int], Int) {
            var ends: [Int32] = [0, 0]
            #expect(pipe(&ends) == 0)
            // Everything the child needs is there before the fork: after it, it calls C only.
            let jobs = try jobs(path, from: first, count: 30)
            let directory = try #require(jobs.first?.pointee.directory)
            let descriptor = maud_store_directory_descriptor(directory)
            let pid = maud_fork()
            if pid == 0 {
                closeInherited(except: ends[1], descriptor)
                for number in 0..<jobs.count {
                    ContentFile.run(jobs[number])
                    if jobs[number].pointee.outcome.error != 0 { maud_exit(1) }
                    var octet = UInt8(number)
                    if maud_write(ends[1], &octet, 1) != 1 { maud_exit(1) }
                }
                maud_exit(0)
            }
            close(ends[1])
            var done: [Int] = []
            var octet: UInt8 = 0
            while done.count < wanted, maud_read(ends[0], &octet, 1) == 1 { done.append(first + Int(octet)) }
            let end = maud_since_boot() + spin
            while maud_since_boot() < end {}
            _ = maud_kill(pid, SIGKILL)
            #expect(maud_wait(pid) == 256 + SIGKILL || done.count == jobs.count)
            while maud_read(ends[0], &octet, 1) == 1 { done.append(first + Int(octet)) }
            close(ends[0])
            for job in jobs { ContentFile.free(job) }
            maud_store_directory_close(directory)
            return (done, first + jobs.count)
        }

        private func jobs(_ path: String, from first: Int, count: Int) throws -> [UnsafeMutablePointer<maud_put>] {
            var handle: OpaquePointer?
            #expect(maud_store_directory_open(Files.currentDirectory, path, &handle) == 0)
            let directory = try #require(handle)
            return try (first..<first + count).map { number in
                let isNote = number % 3 == 0
                let name = try FileName(isNote ? "note.pgp" : "r-\(100_000 + number).pgp")
                let job = try #require(ContentFile.job(directory, name, content(number)))
                job.pointee.exclusive = !isNote
                job.pointee.keep_version = isNote
                ContentFile.set(Store.Limits(), in: job)
                job.pointee.now = maud_realtime()
                return job
            }
        }
    }
}
