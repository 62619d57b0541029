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
}
