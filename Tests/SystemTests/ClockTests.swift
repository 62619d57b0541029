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
}
