@testable import Commands
import OpenPGP
import System
import TestSupport
import Testing

/// docs/commands.md, part 3.
@Suite struct CommandMessageTests {
    private func isAcceptable(_ octets: [UInt8]) -> Bool { CommandMessage.isAcceptable(octets, own: [Sample.ownKey], sender: [Sample.senderKey]) }

    @Test func forTheDeviceAndTheSender() {
        #expect(isAcceptable(Sample.message([Sample.ownKey])))
        #expect(isAcceptable(Sample.message([Sample.ownKey, Sample.senderKey])))
        #expect(isAcceptable(Sample.message([Sample.senderKey, Sample.ownKey])))
    }

    @Test func forNobodyElse() {
        #expect(!isAcceptable(Sample.message([])))
        #expect(!isAcceptable(Sample.message([Sample.senderKey])))
        #expect(!isAcceptable(Sample.message([Sample.ownKey, KeyID(rawValue: 0x3333)])))
        #expect(!isAcceptable(Sample.message([Sample.ownKey, .hidden])))
        #expect(!isAcceptable(Sample.message([.hidden])))
        #expect(!isAcceptable(Sample.message([KeyID](repeating: Sample.ownKey, count: Bounds.commandRecipients + 1))))
        // A key id 0 among the keys of somebody gives no rights either.
        #expect(!CommandMessage.isAcceptable(Sample.message([.hidden]), own: [.hidden], sender: []))
    }

    @Test func aMarkerInFrontIsAllowed() {
        let marker: [UInt8] = [0xCA, 3, 0x50, 0x47, 0x50], padding: [UInt8] = [0xD5, 2, 1, 2]
        #expect(isAcceptable(marker + Sample.message()))
        #expect(isAcceptable(marker + marker + padding + Sample.message()))
    }

    @Test func nothingElseIs() {
        let message = Sample.message()
        let passphrase: [UInt8] = [0xC3, 4, 4, 9, 0, 8], signature: [UInt8] = [0xC4, 0x0D, 3, 0, 8, 22, 1, 2, 3, 4, 5, 6, 7, 8, 1]
        #expect(!isAcceptable(passphrase + message))
        #expect(!isAcceptable(message + message))
        #expect(!isAcceptable(message + [0xCA, 3, 0x50, 0x47, 0x50]))
        #expect(!isAcceptable(signature + message))
        #expect(!isAcceptable([]))
        #expect(!isAcceptable(Array("-----BEGIN PGP MESSAGE-----".utf8)))
        for count in 0..<message.count { #expect(!isAcceptable(Array(message[..<count])), "\(count)") }
        #expect(!isAcceptable(Sample.message(content: [UInt8](repeating: 0, count: Bounds.commandFile))))
    }

    @Test func anyOctetsAreSurvived() {
        var random = SeededGenerator(seed: 8)
        let message = Sample.message([Sample.ownKey, Sample.senderKey], content: [1, 2, 3])
        for _ in 0..<5000 {
            var octets = message
            for _ in 0..<3 { octets[Int.random(in: 0..<octets.count, using: &random)] = UInt8.random(in: 0...255, using: &random) }
            _ = isAcceptable(octets)
        }
    }
}

/// docs/commands.md, part 5.
@Suite struct ChallengeTests {
    private let second = nanosecondsPerSecond

    @Test func isGoodOnceAndForAWhile() throws {
        var challenges = Challenges()
        let one = try #require(challenges.make(sinceBoot: 1000 * second + 5)), two = try #require(challenges.make(sinceBoot: 1000 * second + 5))
        #expect(one != two)
        #expect(one.octets.count == 16)
        #expect(challenges.issued(one, sinceBoot: 1000 * second + 6) == 1000 * second)
        #expect(challenges.issued(one, sinceBoot: 1000 * second + Int64(Bounds.challengeSeconds) * second) == 1000 * second)
        #expect(challenges.issued(one, sinceBoot: 1001 * second + Int64(Bounds.challengeSeconds) * second) == nil)
        let isUsed = challenges.use(one, sinceBoot: 1001 * second)
        #expect(isUsed)
        #expect(challenges.issued(one, sinceBoot: 1001 * second) == nil)
        #expect(challenges.issued(two, sinceBoot: 1001 * second) != nil)
    }

    @Test func thatOfAnotherProcessIsNone() throws {
        let theirs = try #require(Challenges().make(sinceBoot: 1000 * second))
        #expect(Challenges().issued(theirs, sinceBoot: 1000 * second) == nil)
        let challenges = Challenges(), mine = try #require(challenges.make(sinceBoot: 1000 * second))
        for index in 0..<16 {
            var octets = mine.octets
            octets[index] ^= 1
            #expect(challenges.issued(try #require(Challenge(octets: octets)), sinceBoot: 1000 * second) == nil, "\(index)")
        }
    }

    @Test func soManyAreRemembered() throws {
        var challenges = Challenges()
        for _ in 0..<Bounds.usedChallenges {
            let isUsed = challenges.use(try #require(challenges.make(sinceBoot: 0)), sinceBoot: 0)
            #expect(isUsed)
        }
        let more = try #require(challenges.make(sinceBoot: 0))
        let now = challenges.use(more, sinceBoot: 0), later = challenges.use(more, sinceBoot: Int64(Bounds.challengeSeconds + 2) * second)
        #expect(!now && later)
    }
}
