import CLinux
import Glibc
import OpenPGP
import System
import TestSupport
import Testing
@testable import Content

/// What the fault hook counts and does. The hook is one for the process: these tests run one after the other, and only calls
/// of their own thread count, because other tests run beside them.
private nonisolated(unsafe) var thread = pthread_self()
private nonisolated(unsafe) var calls = 0
private nonisolated(unsafe) var failing = -1
private nonisolated(unsafe) var fault: Int32 = 0

private func withFault<R>(at number: Int, _ error: Int32, _ body: () throws -> R) rethrows -> R {
    calls = 0
    failing = number
    fault = error
    thread = pthread_self()
    maud_set_fault({ _, _ in
        guard pthread_equal(thread, pthread_self()) != 0 else { return 0 }
        defer { calls += 1 }
        return calls == failing ? fault : 0
    }, nil)
    defer { maud_set_fault(nil, nil) }
    return try body()
}

extension StoreTests {
    /// Every system call of a write fails in turn.
    @Suite struct StoreFaultTests {
        private let name = try! FileName("note.pgp")
        private let old = signed("the old content"), new = signed("the new content, a little longer")

        /// A Mau directory with a note that has one version already; removed by the caller.
        private func prepared() throws -> (root: String, clock: NodeClock) {
            let root = "/tmp/maud-fault-\(maud_process_id())-\(Random.octets(6).map { String($0) }.joined())"
            try Files.makeDirectory(root)
            return (root, NodeClock(clock: SystemClock(), floor: 0))
        }

        /// The note is the old or the new content; versions are what their names say; nothing temporary is left.
        private func check(_ root: String, isNew: Bool?, _ context: String) throws {
            let directory = root + "/" + gina.description
            let there = try names(inDirectory: directory)
            #expect(there.allSatisfy { ["note.pgp", "note.pgp.versions"].contains($0) }, "\(context): \(there)")
            let content = try Files.read(directory + "/note.pgp", limit: 1000)
            #expect(content == old || content == new, "\(context)")
            if let isNew { #expect((content == new) == isNew, "\(context)") }
            guard there.contains("note.pgp.versions") else { #expect(content == old, "\(context): the old content is lost"); return }
            let versions = try names(inDirectory: directory + "/note.pgp.versions")
            for version in versions {
                let bytes = try Files.read(directory + "/note.pgp.versions/" + version, limit: 1000)
                #expect(SHA256Sum(of: bytes).hexadecimal.text + ".pgp" == version, "\(context)")
            }
            if content == new { #expect(versions.count == 1, "\(context): the old content is lost") }
        }

        @Test(arguments: [ErrorNumber.noSpace, ErrorNumber.inputOutput, ErrorNumber.quota])
        func afterEachFailureTheFileIsWholeAndTheErrorTyped(_ error: Int32) throws {
            var reached = 0, number = 0
            while true {
                let (root, clock) = try prepared()
                defer { try? Files.removeTree(root) }
                try ContentFile.write(root: root, own: gina, name: name, octets: old, clock: clock)
                var failure: ContentError?
                withFault(at: number, error) {
                    do throws(ContentError) {
                        try ContentFile.write(root: root, own: gina, name: name, octets: new, keepingVersions: true, clock: clock)
                    } catch let thrown { failure = thrown }
                }
                if calls <= number { #expect(failure == nil); break }
                if let failure {
                    reached += 1
                    switch failure {
                    case .noSpace(let cause), .system(let cause):
                        #expect(cause.code == error)
                        if case .system = failure { #expect(error == ErrorNumber.inputOutput) }
                        #expect(failure.exitCode == .inputOutput)
                    default: Issue.record("\(failure.description)")
                    }
                }
                try check(root, isNew: failure == nil ? true : nil, "call \(number)")
                // What failed can be done again.
                try ContentFile.write(root: root, own: gina, name: name, octets: new, keepingVersions: true, clock: clock)
                try check(root, isNew: true, "again after call \(number)")
                number += 1
            }
            #expect(reached > 12)
        }

        @Test func shortWritesAreContinued() throws {
            for number in 0..<40 {
                let (root, clock) = try prepared()
                defer { try? Files.removeTree(root) }
                try withFault(at: number, -1) { try ContentFile.write(root: root, own: gina, name: name, octets: new, clock: clock) }
                #expect(try Files.read(root + "/" + gina.description + "/note.pgp", limit: 1000) == new)
            }
        }

        @Test func anImmutableFileThatFailedIsNotThere() throws {
            var number = 0
            while true {
                let (root, clock) = try prepared()
                defer { try? Files.removeTree(root) }
                try Files.makeDirectory(root + "/" + gina.description)
                var failed = false
                withFault(at: number, ErrorNumber.inputOutput) {
                    do throws(ContentError) {
                        try ContentFile.write(root: root, own: gina, name: name, octets: new, exclusive: true, clock: clock)
                    } catch { failed = true }
                }
                if calls <= number { break }
                #expect(try names(inDirectory: root + "/" + gina.description) == (failed ? [] : ["note.pgp"]), "call \(number)")
                number += 1
            }
            #expect(number > 8)
        }

        @Test func withoutHardLinksTheVersionIsCopied() throws {
            let (root, clock) = try prepared()
            defer { try? Files.removeTree(root) }
            try ContentFile.write(root: root, own: gina, name: name, octets: old, clock: clock)
            setTime(root + "/" + gina.description + "/note.pgp", 1_000_000_000 * second)
            thread = pthread_self()
            maud_set_fault({ call, _ in
                pthread_equal(thread, pthread_self()) != 0 && call.map { String(cString: $0) } == "linkat" ? ErrorNumber.notPermitted : 0
            }, nil)
            defer { maud_set_fault(nil, nil) }
            try ContentFile.write(root: root, own: gina, name: name, octets: new, keepingVersions: true, clock: clock)
            try check(root, isNew: true, "copied")
            let version = root + "/" + gina.description + "/note.pgp.versions/" + SHA256Sum(of: old).hexadecimal.text + ".pgp"
            #expect(try Files.status(version)?.modification_time == 1_000_000_000 * second)
            #expect(try Files.status(version)?.links == 1)
        }

        /// The fsync calls of one batch; `fault` may make other calls fail.
        private func syncs(_ fault: @escaping (String) -> Int32) throws -> (count: Int, isJournaled: Bool) {
            let (root, clock) = try prepared()
            defer { try? Files.removeTree(root) }
            let directory = root + "/" + gina.description
            try Files.makeDirectory(directory)
            var handle: OpaquePointer?
            #expect(maud_store_directory_open(Files.currentDirectory, directory, &handle) == 0)
            let opened = try #require(handle)
            let job = try #require(ContentFile.job(opened, try FileName("r-1.pgp"), new))
            job.pointee.exclusive = true
            job.pointee.now = clock.now
            var count = 0
            withFaults({ call in
                if call == "fsync" { count += 1 }
                return fault(call)
            }, { ContentFile.run(job) })
            #expect(job.pointee.outcome.error == 0)
            #expect(try Files.read(directory + "/r-1.pgp", limit: 1000) == new)
            defer {
                ContentFile.free(job)
                maud_store_directory_close(handle)
            }
            return (count, maud_syncs_names(maud_store_directory_descriptor(opened)))
        }

        @Test func aBatchCostsOneSyncOnExt4AndTwoElsewhere() throws {
            let (count, isJournaled) = try syncs { _ in 0 }
            #expect(count == (isJournaled ? 1 : 2))
        }

        @Test func withoutWritingBackABatchCostsTwoSyncs() throws {
            #expect(try syncs { $0 == "sync_file_range" ? ErrorNumber.notPermitted : 0 }.count == 2)
        }
    }
}
