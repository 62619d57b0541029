import Content
import OpenPGP
import Peer
import System
import Testing
@testable import Syncer

extension SyncerTests {
    @Suite struct ScheduleTests {
        private let address = PeerAddress(Array("192.0.2.7:1".utf8))!

        @Test func pausesGrowToAnHour() {
            #expect((1...12).map { Syncer.pause(afterFailures: $0) } == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600])
            #expect(Syncer.pause(afterFailures: .max) == 3600)
        }

        @Test func aDeadPeerIsTriedWithGrowingPauses() throws {
            let rig = try Rig()
            rig.peer.isDown = true
            try rig.visit()
            var tries: [Int] = [], last = 1
            for second in 1...20_000 {
                rig.clock.advance(1)
                if rig.loop.nextDeadline ?? .max <= rig.clock.sinceBoot { try rig.settle() }
                if rig.peer.dials.count > last { tries.append(second); last = rig.peer.dials.count }
            }
            let gaps = zip(tries, [0] + tries).map { $0 - $1 }
            #expect(gaps.prefix(12) == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600])
            #expect(rig.friend.problem?.text == "the connection failed")
        }

        @Test func whoShowsUpIsVisitedAtOnceButNotAllTheTime() throws {
            let rig = try Rig()
            rig.peer.isDown = true
            try rig.visit()
            for _ in 0..<8 { try rig.pass(3600) }
            let before = rig.peer.dials.count
            rig.peer.isDown = false
            rig.clock.advance(6)
            rig.syncer.appeared(alice)
            try rig.settle()
            #expect(rig.peer.dials.count == before + 1 && rig.friend.problem == nil)
            for _ in 0..<100 { rig.syncer.appeared(alice) }
            try rig.settle()
            #expect(rig.peer.dials.count == before + 1)
            try rig.pass(Bounds.syncRestSeconds)
            #expect(rig.peer.dials.count == before + 2)
        }

        /// Each visit is a connection to the other: that must not bring the next one on.
        @Test func aConnectionOfAFriendBringsAVisitUnlessThereWasOne() throws {
            let rig = try Rig()
            try rig.visit()
            for _ in 0..<20 {
                rig.syncer.connected(alice)
                try rig.pass(1)
            }
            #expect(rig.peer.dials.count == 1)
            try rig.pass(10)
            rig.syncer.connected(alice)
            rig.syncer.connected(carol)
            try rig.settle()
            #expect(rig.peer.dials.count == 2)
        }

        /// Nobody was there a moment ago, and the next visit is an hour away. Now the friend comes by itself.
        @Test func aConnectionOfAFriendWhoWasAwayEndsThePause() throws {
            let rig = try Rig()
            rig.peer.isDown = true
            try rig.visit()
            for _ in 0..<8 { try rig.pass(3600) }
            rig.peer.forget()
            rig.peer.isDown = false
            try rig.pass(1)
            rig.syncer.connected(alice)
            try rig.pass(Bounds.syncRestSeconds)
            #expect(rig.peer.dials.count == 1 && rig.friend.problem == nil)
            // While it is looked for where it is not.
            rig.peer.isDown = true
            for _ in 0..<8 { try rig.pass(3600) }
            (rig.peer.isDown, rig.peer.isSilent) = (false, true)
            try rig.pass(3600)
            #expect(rig.friend.pass != nil)
            rig.syncer.connected(alice)
            try rig.pass(Bounds.dialSeconds)
            #expect(rig.friend.pass == nil)
            rig.peer.forget()
            rig.peer.isSilent = false
            try rig.pass(Bounds.syncPauseSeconds)
            #expect(rig.peer.dials.count == 1 && rig.friend.problem == nil)
        }

        @Test func whoWasNotFoundIsToldOf() throws {
            let rig = try Rig()
            var missed: [Fingerprint] = []
            rig.syncer.missed = { missed.append($0) }
            rig.peer.isDown = true
            try rig.visit()
            #expect(missed == [alice])
            rig.peer.isDown = false
            rig.peer.files = [("a.pgp", signed("1"), 1)]
            rig.peer.answer = { $0.path.hasSuffix(".pgp") ? ScriptedPeer.response(500, []) : nil }
            try rig.pass(Bounds.syncPauseSeconds)
            #expect(rig.friend.problem != nil && missed == [alice], "it was there")
        }

        /// Who visits once is told why it failed, as something to decide by.
        @Test func aSingleVisitSaysWhatCameOfIt() throws {
            let rig = try Rig()
            var told: [PassFailure?] = []
            func visit(_ fingerprint: Fingerprint = alice) throws {
                rig.syncer.visitOnce(fingerprint) { told.append($0) }
                try rig.settle()
            }
            try visit()
            rig.peer.isDown = true
            try visit()
            rig.peer.failure = .handshake(.wrongPeer)
            try visit()
            rig.peer.failure = .handshake(.nothingCommon)
            try visit()
            try visit(carol)
            #expect(told.map { $0?.isOtherPeer } == [nil, false, true, false, false])
            #expect(told.last??.description.text.contains("not followed") == true)
        }

        @Test func anAnnouncementIsAnAddressToTry() throws {
            let rig = try Rig()
            try rig.visit()
            try rig.pass(Bounds.syncRestSeconds)
            rig.peer.forget()
            rig.syncer.found(alice, at: address)
            rig.syncer.found(carol, at: address)
            try rig.settle()
            // Where the friend was found last comes first.
            #expect(rig.peer.dials.map { $0.1.description.text } == ["192.0.2.1:8448"])
            rig.syncer.lost(alice, at: address)
            #expect(rig.friend.candidates.count == 1)
            for number in 1...20 { rig.syncer.found(alice, at: PeerAddress(host: Array("192.0.2.9".utf8), port: UInt16(number))!) }
            #expect(rig.friend.candidates.count == Bounds.syncAddresses + 1)
            #expect(rig.friend.candidates[1].port == 20)
        }

        @Test func everyAddressIsTried() throws {
            let rig = try Rig()
            rig.syncer.found(alice, at: address)
            rig.peer.isDown = true
            try rig.visit()
            #expect(rig.peer.dials.map { $0.1.description.text } == ["192.0.2.7:1", "192.0.2.1:8448"])
        }

        /// Who does not answer a handshake, a request, or answers too slowly.
        @Test func slowPeersAreLeft() throws {
            let rig = try Rig()
            rig.peer.isSilent = true
            try rig.visit()
            #expect(rig.friend.pass != nil)
            try rig.pass(Bounds.dialSeconds)
            #expect(rig.friend.pass == nil && rig.friend.problem?.text == "the peer is too slow" && rig.peer.openStreams == 0)

            rig.peer.isSilent = false
            rig.peer.answer = { _ in Array("HTTP/1.1 200 OK\r\n".utf8) }
            try rig.pass(Bounds.syncPauseSeconds)
            #expect(rig.friend.pass != nil)
            try rig.pass(Bounds.progressSeconds)
            #expect(rig.friend.pass == nil && rig.peer.openStreams == 0)
        }

        @Test func aVisitHasAnEnd() throws {
            let rig = try Rig()
            rig.verifier.isSilent = true
            rig.peer.files = [("a.pgp", signed("1"), 1)]
            try rig.visit()
            #expect(rig.friend.pass != nil)
            try rig.pass(Bounds.syncPassSeconds)
            #expect(rig.friend.pass == nil && rig.friend.problem?.text == "the visit took too long; it goes on later")
        }

        @Test func onlySoManyAtOnce() throws {
            let rig = try Rig()
            rig.peer.isSilent = true
            var all = [alice]
            for number in 0..<10 {
                let fingerprint = try #require(Fingerprint(octets: [UInt8](repeating: UInt8(number + 1), count: 20)))
                try Files.makeDirectory(rig.root + "/mau/" + fingerprint.description)
                rig.syncer.add(address, of: fingerprint)
                all.append(fingerprint)
            }
            try rig.run { rig.store.followed.count == 12 && rig.store.followed.allSatisfy { $0.isSettled } }
            rig.syncer.start()
            rig.syncer.follow(all)
            try rig.settle()
            #expect(rig.peer.openStreams == Bounds.syncConnections)
            var seen: Set<String> = []
            for _ in 0..<4 {
                for dial in rig.peer.dials { seen.insert(dial.0.description) }
                try rig.pass(Bounds.dialSeconds)
                #expect(rig.peer.openStreams <= Bounds.syncConnections)
            }
            #expect(seen.count == 11)
        }

        @Test func theRateIsForAllTogether() throws {
            let rig = try Rig()
            let limit = RateLimit(octetsPerSecond: 100, loop: rig.loop) {}
            #expect(limit.available == 100)
            let size = Bounds.syncRate + 1000
            rig.peer.files = [("big.pgp", signed(String(repeating: "x", count: size)), 1)]
            try rig.visit()
            #expect(rig.friend.pass != nil && rig.listing.isEmpty)
            try rig.pass(1)
            #expect(rig.friend.pass == nil && rig.listing == ["big.pgp"])
        }

        @Test func whoIsNotFollowedAnyMoreIsLeft() throws {
            let rig = try Rig()
            rig.verifier.isSilent = true
            rig.peer.files = [("a.pgp", signed("1"), 1)]
            try rig.visit()
            rig.syncer.follow([])
            try rig.settle()
            #expect(rig.peer.openStreams == 0 && rig.syncer.friends.isEmpty)
        }

        @Test func positionsSurviveARestartAndTheirLossCostsAListing() throws {
            let rig = try Rig()
            rig.peer.files = [("a.pgp", signed("1"), 1_799_999_000)]
            try rig.visit()
            try rig.restart()
            rig.peer.forget()
            try rig.visit()
            #expect(rig.peer.requests.map { $0.fields["if-modified-since"] != nil } == [true])
            for damage in 0..<3 {
                rig.syncer.stop()
                rig.syncer.save()
                let path = rig.root + "/state/sync"
                var octets = try Files.read(path, limit: 1000)
                if damage == 0 { octets[10] ^= 1 } else if damage == 1 { octets.removeLast() } else { octets = [] }
                try Files.write(octets, to: path)
                try rig.restart(cleanly: false)
                rig.peer.forget()
                try rig.visit()
                #expect(rig.peer.requests.map { $0.fields["if-modified-since"] != nil } == [false])
                #expect(rig.listing == ["a.pgp"] && rig.friend.problem == nil)
            }
        }

        /// The next process may know the friend's new key.
        @Test func whatWasRefusedForItsSignatureIsAskedForAgainAfterARestart() throws {
            let rig = try Rig()
            rig.peer.files = [("good.pgp", signed("1"), 1_799_999_000), ("bad.pgp", signed("2"), 1_799_999_000)]
            rig.verifier.answers = [(SHA256Sum(of: signed("2")), .failure(.badSignature))]
            for _ in 0..<3 { try rig.visit(); try rig.pass(60) }
            #expect(rig.friend.since != nil && rig.friend.counters.refusedFiles == 1)
            #expect(try Files.status(rig.root + "/state/sync") == nil, "written though nothing is to be remembered")
            try rig.restart()
            rig.verifier.answers = []
            try rig.visit()
            #expect(rig.listing.sorted() == ["bad.pgp", "good.pgp"])
        }

        @Test func manyVisitsWriteTheirPositionsOnceAnHour() throws {
            let rig = try Rig()
            rig.peer.date = 1_800_000_100
            try rig.visit()
            let first = try #require(try Files.status(rig.root + "/state/sync"))
            for minute in 1...20 {
                rig.peer.date = 1_800_000_100 + Int64(minute * 60)
                try rig.pass(60)
            }
            #expect(try Files.status(rig.root + "/state/sync")?.inode == first.inode)
            rig.peer.date = 1_800_000_000 + 7200
            try rig.pass(60)
            #expect(try Files.status(rig.root + "/state/sync")?.inode != first.inode)
        }
    }
}
