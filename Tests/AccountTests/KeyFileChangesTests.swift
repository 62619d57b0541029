import CLinux
import OpenPGP
import TestSupport
import System
import Testing
@testable import Account

extension WithAccount {
    @Suite struct KeyFileChangesTests {
        private func place() throws -> (Place, MauDirectory) {
            let place = try Place(), mau = place.mau
            try mau.create()
            try Files.write([1], to: mau.account)
            for group in [GroupName.controllers, .viewers] {
                try Files.makeDirectory(mau.keys(of: group))
                for fingerprint in [alice, bob] { try Files.write(Array("old".utf8), to: "\(mau.keys(of: group))/\(fingerprint.description).pgp") }
            }
            return (place, mau)
        }

        private func handOver(_ mau: MauDirectory) -> KeyFileChanges {
            let changes = KeyFileChanges(mau)
            for former in [alice, bob] { changes.remove(former, .viewers) }
            changes.replace(.controllers, with: Array("new".utf8), carol)
            return changes
        }

        /// The old controllers, all of them and whole, or the new one; never none. What a power cut left is cleared away by the next change.
        @Test func aHandOverThatIsCutAnywhere() throws {
            var seen: Set<Int> = [], number = 0
            while true {
                let (place, mau) = try place()
                let isDone = diesAtCall(number) { try? handOver(mau).run() }
                let group = mau.keys(of: .controllers), now = try names(inDirectory: group)
                #expect(now == [bob, alice].map { "\($0.description).pgp" } || now == ["\(carol.description).pgp"], "call \(number)")
                for name in now { #expect(try Files.read("\(group)/\(name)", limit: 8) == Array((now.count == 2 ? "old" : "new").utf8)) }
                seen.insert(now.count)
                #expect(try names(inDirectory: mau.keys) == ["account.pgp", "controllers", "viewers"], "other programs read everything in there as keys")
                maud_keys_tidy(mau.path)
                #expect(try names(inDirectory: mau.path) == [".mau"])
                try handOver(mau).run()
                #expect(try names(inDirectory: group) == ["\(carol.description).pgp"] && names(inDirectory: mau.keys(of: .viewers)).isEmpty && names(inDirectory: mau.path) == [".mau"])
                withExtendedLifetime(place) {}
                if isDone { break }
                number += 1
            }
            #expect(seen == [1, 2] && number > 15)
        }

        /// The same when a call fails: then it is said, and nothing is left behind.
        @Test func aHandOverInWhichACallFails() throws {
            var number = 0, isDone = false
            while !isDone {
                let (place, mau) = try place()
                var count = 0, failed = ""
                var error: SystemError?
                withFaults({ name in
                    defer { count += 1 }
                    if count == number { failed = name }
                    return count == number ? ErrorNumber.noSpace : 0
                }) { do throws(SystemError) { try handOver(mau).run() } catch let reason { error = reason } }
                let now = try names(inDirectory: mau.keys(of: .controllers))
                #expect(now.count == 1 || now.count == 2)
                if error != nil, failed != "fsync" { #expect(now.count == 2, "\(failed)") }
                if error == nil { #expect(now == ["\(carol.description).pgp"]) }
                isDone = failed.isEmpty
                number += 1
                withExtendedLifetime(place) {}
            }
        }

        @Test func aKeyIsWrittenWholeOrNotAtAll() throws {
            var number = 0, isDone = false
            while !isDone {
                let (place, mau) = try place()
                isDone = diesAtCall(number) {
                    let changes = KeyFileChanges(mau)
                    changes.write(Array("new".utf8), alice, .controllers, time: 7_000_000_000)
                    changes.write(Array("new".utf8), carol, GroupName("family"), time: 0)
                    try? changes.run()
                }
                let key = try Files.read("\(mau.keys(of: .controllers))/\(alice.description).pgp", limit: 8).text
                #expect(["old", "new"].contains(key))
                let family = mau.keys(of: GroupName("family"))
                if try Files.status(family) != nil { for name in try names(inDirectory: family) { #expect(try Files.read("\(family)/\(name)", limit: 8).text == "new") } }
                if isDone { #expect(try Files.status("\(mau.keys(of: .controllers))/\(alice.description).pgp")?.modification_time == 7_000_000_000) }
                number += 1
                withExtendedLifetime(place) {}
            }
        }

        @Test func whatIsNotThereNeedNotBeRemoved() throws {
            let (place, mau) = try place()
            let changes = KeyFileChanges(mau)
            changes.remove(carol, .controllers)
            changes.remove(carol, GroupName("family"))
            try changes.run()
            #expect(try names(inDirectory: mau.keys) == ["account.pgp", "controllers", "viewers"])
            withExtendedLifetime(place) {}
        }
    }
}
