import Testing
import System

final class SimulatedClock: Clock {
    var realtime: Int64 = 0
    var sinceBoot: Int64 = 0
}

@Suite struct NodeClockTests {
    @Test func unsetClockCountsFromTheFloor() {
        let clock = SimulatedClock()
        let node = NodeClock(clock: clock, floor: 1000)
        clock.sinceBoot = 5
        #expect(node.state == .unset)
        #expect(node.now == 1005)
        node.signed(at: 1005)
        clock.sinceBoot = 6
        #expect(node.now == 1006, "signing must not move time ahead of itself")
        clock.realtime = 2000
        #expect(node.state == .set)
        #expect(node.now == 2000)
    }
    @Test func aClockSetBackCountsAsUnset() {
        let clock = SimulatedClock()
        let node = NodeClock(clock: clock, floor: 1000)
        clock.realtime = 5000
        clock.sinceBoot = 10
        node.signed(at: 5000)
        clock.realtime = 4000
        #expect(node.state == .unset)
        #expect(node.now == 5010)
    }

    /// A board whose key was made minutes ago and that has been up for hours: its unset time ran ahead of the true one.
    @Test func timesThatRanAheadDoNotKeepTheClockUnset() {
        let clock = SimulatedClock()
        let node = NodeClock(clock: clock, floor: 1000)
        clock.sinceBoot = 5000
        node.signed(at: node.signatureTime)
        clock.realtime = 1100
        #expect(node.state == .set && node.now == 1100)
        #expect(node.signatureTime == 6000, "no signature before an earlier one")
        node.signed(at: 6000)
        clock.realtime = 1200
        #expect(node.state == .set && node.signatureTime == 6000)
        clock.realtime = 1050
        #expect(node.state == .unset, "1100 had passed")
    }

    @Test func afterARestartTimeGoesOnBehindTheLatestPublication() {
        let clock = SimulatedClock()
        let node = NodeClock(clock: clock, floor: 1000)
        clock.sinceBoot = 7
        node.resume(latest: 6000, passed: 2000)
        clock.realtime = 1500
        #expect(node.state == .unset && node.now == 6007)
        clock.realtime = 2000
        #expect(node.state == .set && node.now == 2000 && node.signatureTime == 6000)
    }

    /// One signature by a clock that was years ahead: without anybody who answers for the clock there is no telling which is wrong.
    @Test func aClockThatWasAheadIsDisputedUntilSomebodyAnswersForIt() {
        let clock = SimulatedClock()
        let node = NodeClock(clock: clock, floor: 1000)
        clock.realtime = 2000
        #expect(!node.isDisputed && node.believe() == nil)
        node.signed(at: 2000)
        clock.realtime = 900_000
        node.signed(at: 900_000)
        clock.realtime = 2100
        clock.sinceBoot = 10
        #expect(node.isDisputed && node.state == .unset && node.now == 900_010)
        #expect(node.believe() == 900_000)
        #expect(!node.isDisputed && node.state == .set && node.now == 2100 && node.signatureTime == 2100)
        // One that gpg was at work on meanwhile.
        node.signed(at: 900_002)
        #expect(!node.isDisputed && node.signatureTime == 2100)
        node.signed(at: 2100)
        clock.realtime = 2050
        #expect(node.isDisputed && node.state == .unset, "2100 had passed")
    }

    @Test func afterARestartToo() {
        let clock = SimulatedClock()
        let node = NodeClock(clock: clock, floor: 1000)
        clock.realtime = 2100
        node.resume(latest: 900_500, passed: 900_000)
        #expect(node.isDisputed && node.state == .unset)
        #expect(node.believe() == 900_000)
        #expect(node.state == .set && node.signatureTime == 2100 && node.floor == 2100)
        // Unset again: time goes on from there.
        clock.realtime = 0
        clock.sinceBoot = 7
        #expect(node.state == .unset && node.now == 2107)
    }

    /// Whoever disciplines a clock to a time before the key was made, or the program, is wrong.
    @Test func nobodyIsBelievedBelowTheKeysCreation() {
        let clock = SimulatedClock()
        let node = NodeClock(clock: clock, floor: 1000)
        clock.realtime = 999
        #expect(!node.isDisputed && node.believe() == nil && node.state == .unset)
        node.resume(latest: 5000, passed: 5000)
        #expect(!node.isDisputed && node.believe() == nil && node.state == .unset && node.floor == 5000)
    }

    /// The clock is set, but what was signed while it was unset lies ahead of it: signatures follow the clock again.
    @Test func timesThatRanAheadAreTakenBack() {
        let clock = SimulatedClock()
        let node = NodeClock(clock: clock, floor: 1000)
        clock.sinceBoot = 5000
        node.signed(at: node.signatureTime)
        clock.realtime = 1100
        #expect(node.state == .set && node.isDisputed && node.signatureTime == 6000)
        #expect(node.believe() == 1000)
        #expect(node.floor == 1000 && node.signatureTime == 1100 && !node.isDisputed)
    }
}
