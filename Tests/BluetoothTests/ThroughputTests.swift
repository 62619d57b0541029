@testable import Bluetooth
import Testing

/// The issue's numbers, by count of octets and by a clock of its own.
@Suite struct ThroughputTests {
    private func random(_ count: Int) -> [UInt8] {
        var random = Seeded(state: 1)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    /// 100 KiB at MTU 247: payload is 98 % of all ATT value octets, both directions and the opening counted.
    @Test(arguments: [true, false]) func overhead(_ toClient: Bool) {
        let calm = Weather(), size = 100 << 10
        let simulation = Simulation(seed: 1, calm, calm, clientSays: toClient ? [] : random(size), nodeSays: toClient ? random(size) : [])
        simulation.run()
        #expect(simulation.client.heard == simulation.node.message && simulation.node.heard == simulation.client.message)
        let octets = simulation.ways.toNode.octets + simulation.ways.toClient.octets
        print("100 KiB \(toClient ? "out" : "in") at MTU 247: \(octets) octets of values, \(Double(size) / Double(octets))")
        #expect(Double(size) >= 0.98 * Double(octets))
        #expect(Fragment.headerCount <= 4)
    }

    /// A link that brings one notification each millisecond, as a bare loop of them was seen to in the virtual radio, and takes
    /// 2 to 4 ms for each way: the window keeps it busy for 80 % of the time.
    @Test(arguments: [4, 6, 8], [247, 517]) func keepsALinkBusy(_ roundTrip: Int, _ mtu: Int) {
        let fragments = 1000
        let weather = Weather(delay: roundTrip / 2...roundTrip / 2, pace: 1)
        let size = fragments * (Fragment.size(forMTU: mtu) - Fragment.headerCount)
        let simulation = Simulation(seed: 1, Weather(delay: roundTrip / 2...roundTrip / 2), weather, clientSays: [], nodeSays: random(size), mtus: (mtu, mtu))
        let start = simulation.now
        simulation.run()
        #expect(simulation.client.heard == simulation.node.message)
        let milliseconds = Double(simulation.heardAt - start) / 1e6
        print("MTU \(mtu), round trip \(roundTrip) ms: \(Double(fragments) / milliseconds) of a bare loop")
        #expect(Double(fragments) >= 0.8 * milliseconds)
    }
}
