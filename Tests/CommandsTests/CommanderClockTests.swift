@testable import Commands
import Foundation
import OpenPGP
import System
import TestSupport
import Testing
import Vocabulary

/// docs/commands.md, 4.8 and 7.5, when a clock was ahead.
@Suite struct CommanderClockTests {
    private static let year = 365.0 * 86_400

    /// The device's clock, and the controller's, were a year ahead for a command; then somebody answers for the right time.
    private func setRight() throws -> (Bench, ahead: Wish) {
        let bench = try Bench.started()
        bench.backend.simulated.realtime += Int64(Self.year) * nanosecondsPerSecond
        bench.backend.clock.signed(at: bench.backend.simulated.realtime)
        let ahead = bench.wish()
        #expect(try #require(bench.command(ahead)).isCarriedOut)
        bench.backend.simulated.realtime -= Int64(Self.year - 60) * nanosecondsPerSecond
        #expect(bench.backend.clock.state == .unset)
        let former = try #require(bench.backend.clock.believe())
        var isDone = false
        bench.commander.clockWentBack(from: former) { isDone = true }
        bench.backend.run()
        #expect(isDone && bench.commander.isIdle)
        return (bench, ahead)
    }

    private func challenged(_ bench: Bench, _ value: String = "1", after seconds: Double = 0) throws -> Wish {
        var wish = bench.wish("led", value, after: seconds)
        wish.challenge = try #require(bench.commander.challenge())
        return wish
    }

    @Test func whatIsNoLongerKnownIsRefusedWithoutAChallenge() throws {
        let (bench, _) = try setRight()
        #expect(try #require(bench.command(bench.wish("heat", "5"))).error == "ledger-lost")
        var wish = bench.wish("heat", "5")
        wish.challenge = try #require(bench.commander.challenge())
        #expect(try #require(bench.command(wish)).isCarriedOut)
        // Over a restart too.
        let later = try Bench(after: bench)
        try later.start()
        #expect(try #require(later.command(later.wish("heat", "6"))).error == "ledger-lost")
    }

    /// Records went because the clock was ahead, answers for their number: nothing is carried out twice all the same.
    @Test func aCopyFromBeforeTheJumpIsNotCarriedOut() throws {
        let bench = try Bench.started()
        let wish = bench.wish()
        #expect(try #require(bench.command(wish)).isCarriedOut)
        bench.backend.simulated.realtime += Int64(Self.year) * nanosecondsPerSecond
        bench.backend.clock.signed(at: bench.backend.simulated.realtime)
        bench.command(bench.wish("heat", "1"))
        #expect(bench.commander.ledger?.record(wish.identifier) == nil)
        bench.backend.simulated.realtime -= Int64(Self.year) * nanosecondsPerSecond
        bench.backend.files = [:]
        bench.commander.clockWentBack(from: try #require(bench.backend.clock.believe())) {}
        bench.backend.run()
        bench.control.values = [:]
        #expect(try #require(bench.command(wish)).error == "ledger-lost")
        // One that was never delivered neither, although nobody knows a later one.
        #expect(try #require(bench.command(bench.wish("heat", "2", after: -1))).error == "ledger-lost")
        #expect(bench.control.values.isEmpty)
    }

    @Test func aCopyFromTheTimeAheadIsNotCarriedOutWhenThatTimeComes() throws {
        let (bench, ahead) = try setRight()
        bench.backend.files = [:]
        bench.backend.simulated.advance(seconds: Int64(Self.year) - 60)
        bench.command(bench.wish("heat", "1"))
        bench.control.values = [:]
        #expect(try !#require(bench.command(ahead)).isCarriedOut)
        #expect(bench.control.values.isEmpty)
    }

    /// The controller whose clock was ahead is not locked out for a year; its commands keep their order.
    @Test func theHighestStartTimeThatLiesAheadYieldsToChallenges() throws {
        let (bench, _) = try setRight()
        let first = try challenged(bench, "0"), held = try challenged(bench, "1", after: 0.001)
        #expect(try #require(bench.command(first)).isCarriedOut)
        let third = try challenged(bench, "0", after: 0.002)
        #expect(try #require(bench.command(third)).isCarriedOut)
        #expect(try #require(bench.command(held)).error == "reordered")
        #expect(bench.control.values == [0: 0])
        // The same challenge is good once.
        var again = bench.wish("led", "1", after: 0.003)
        again.challenge = third.challenge
        #expect(try #require(bench.command(again)).error == "ledger-lost")
    }

    /// Among commands by right clocks a challenge changes nothing.
    @Test func aChallengeDoesNotOverrideTheOrderOtherwise() throws {
        let bench = try Bench.started()
        #expect(try #require(bench.command(bench.wish(after: 290))).isCarriedOut)
        #expect(try #require(bench.command(try challenged(bench, "0"))).error == "reordered")
    }

    @Test func itIsOnTheDiskBeforeAnybodyIsTold() throws {
        let bench = try Bench.started()
        bench.backend.clock.signed(at: bench.backend.simulated.realtime)
        bench.backend.simulated.realtime -= 3600 * nanosecondsPerSecond
        let former = try #require(bench.backend.clock.believe())
        var isDone = false
        withFaults({ $0 == "fsync" ? ErrorNumber.inputOutput : 0 }) { bench.commander.clockWentBack(from: former) { isDone = true } }
        #expect(!isDone && !bench.commander.isIdle)
        #expect(try #require(bench.command(bench.wish())).error == "ledger-lost", "in memory it holds at once")
        bench.commander.tryAgain()
        bench.backend.run()
        let contents = try #require(try LedgerFile(state: bench.state, worker: nil).read().flatMap { LedgerContents($0) })
        #expect(isDone && contents.loss == .at(former / 1_000_000 + 1))
    }

    /// It was learned before the ledger had been read.
    @Test func beforeTheStart() throws {
        let bench = try Bench.started()
        let later = try Bench(after: bench)
        var isDone = false
        later.commander.clockWentBack(from: later.backend.simulated.realtime + nanosecondsPerSecond) { isDone = true }
        #expect(!isDone)
        try later.start()
        #expect(isDone)
        #expect(try #require(later.command(later.wish())).error == "ledger-lost")
    }
}
