import CLinux
import Content
import OpenPGP
import Synchronization
import System
import Testing
@testable import Syncer

private let calls = Atomic(0)
private nonisolated(unsafe) var failing = -1
private nonisolated(unsafe) var fault: Int32 = 0

extension SyncerTests {
    /// Every system call of a visit fails in turn, on the loop's thread and the worker's.
    @Suite struct SyncFaultTests {
        private let big = signed(String(repeating: "0123456789", count: 8_000))

        private func files() -> [(name: String, content: [UInt8], time: Int64)] { [("note.pgp", signed("new"), 1), ("big.pgp", big, 2)] }

        private func withFault(at number: Int, _ error: Int32, _ body: () throws -> Void) rethrows {
            calls.store(0, ordering: .relaxed)
            failing = number
            fault = error
            maud_set_fault({ call, _ in
                // Not the clockwork of the loop and of the test itself.
                guard let call, call[0] != 0x65 else { return 0 }
                return calls.add(1, ordering: .relaxed).oldValue == failing ? fault : 0
            }, nil)
            defer { maud_set_fault(nil, nil) }
            try body()
        }

        @Test(arguments: [ErrorNumber.noSpace, ErrorNumber.inputOutput]) func afterEachFailureFilesAreWholeAndTheNextVisitBringsTheRest(_ error: Int32) throws {
            var number = 0, reached = 0
            repeat {
                let rig = try Rig { try Files.write(signed("old"), to: $0 + "/note.pgp") }
                rig.peer.files = files()
                try withFault(at: number, error) { try rig.visit() }
                reached = calls.load(ordering: .relaxed)
                check(rig, "call \(number)")
                for _ in 0..<3 { try rig.pass(Bounds.syncLongestPauseSeconds) }
                #expect(rig.content("note.pgp") == signed("new") && rig.content("big.pgp") == big, "call \(number)")
                #expect(try rig.names("/note.pgp.versions") == [SHA256Sum(of: signed("old")).hexadecimal.text + ".pgp"], "call \(number)")
                #expect(try rig.names() == ["big.pgp", "note.pgp", "note.pgp.versions"], "call \(number)")
                #expect(rig.friend.counters.refusedFiles == 0, "call \(number)")
                number += 1
            } while number < reached
            #expect(reached > 40)
        }

        private func check(_ rig: Rig, _ context: String) {
            let note = rig.content("note.pgp")
            #expect(note == signed("old") || note == signed("new"), "\(context)")
            if let content = rig.content("big.pgp") { #expect(content == big, "\(context)") }
            for name in rig.listing { #expect(rig.content(name) != nil, "\(context)") }
        }

        /// The power goes at every point of a visit: nothing half is visible, and after the start the rest comes.
        @Test func aPowerCutAtAnyTime() throws {
            for steps in Swift.stride(from: 0, to: 60, by: 3) {
                let rig = try Rig { try Files.write(signed("old"), to: $0 + "/note.pgp") }
                rig.peer.files = files()
                rig.peer.stride = 4096
                rig.syncer.start()
                try rig.steps(steps)
                try rig.restart(cleanly: false)
                check(rig, "after \(steps)")
                try rig.visit()
                #expect(rig.content("note.pgp") == signed("new") && rig.content("big.pgp") == big, "after \(steps)")
                #expect(try rig.names() == ["big.pgp", "note.pgp", "note.pgp.versions"], "after \(steps)")
            }
        }
    }
}
