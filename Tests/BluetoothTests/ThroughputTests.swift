@testable import Bluetooth
import TestSupport
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
        measured("payload of 100 KiB \(toClient ? "from" : "to") the node at MTU 247", 100 * Double(size) / Double(octets), "percent", limit: 98,
                 how: "at least; of \(octets) octets of ATT values, both directions and the opening")
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
        measured("Out at MTU \(mtu) on a link with a round trip of \(roundTrip) ms", Double(fragments) / milliseconds, "times", limit: 0.8, how: "at least; of a loop that notifies each millisecond, simulated")
        #expect(Double(fragments) >= 0.8 * milliseconds)
    }
}
