@testable import Bluetooth
import Testing

@Suite struct FragmentStreamPropertyTests {
    private func message(_ count: Int, _ random: inout Seeded) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }

    @Test(arguments: 0..<40) func anyWeather(_ batch: Int) {
        var failures = 0
        for run in 0..<50 {
            var random = Seeded(state: UInt64(batch * 1000 + run))
            let worst = [0, 0, 5, 20, 50][random.below(5)]
            func weather() -> Weather {
                Weather(loss: random.below(worst + 1), duplication: random.below(30), delay: 1...(2 + random.below(60)),
                        overtaking: random.happens(50) ? 0 : 1 + random.below(15), room: random.happens(70) ? .max : 1 + random.below(5))
            }
            let toNode = weather(), toClient = weather()
            let mtu = [23, 100, 185, 247, 400, 517]
            let mtus = (mtu[random.below(6)], mtu[random.below(6)]), smaller = min(mtus.0, mtus.1)
            let simulation = Simulation(seed: random.next(), toNode, toClient, clientSays: message(random.below(40 * smaller), &random), nodeSays: message(random.below(80 * smaller), &random),
                                        mtus: mtus)
            for side in [simulation.client, simulation.node] {
                side.stride = random.happens(50) ? 4096 : 1 + random.below(600)
                side.sleep = random.happens(70) ? 0 : random.below(90)
            }
            simulation.run()
            let client = simulation.client, node = simulation.node
            #expect(client.message.starts(with: node.heard) && node.message.starts(with: client.heard))
            if client.heard != node.message || node.heard != client.message {
                failures += 1
                #expect(worst > 0, "seed \(batch * 1000 + run): \(String(describing: client.machine?.ending)), \(String(describing: node.machine?.ending)) \(client.given) \(node.given) \(client.heard.count) \(node.heard.count)")
            }
            #expect(client.machine?.ending != nil && (node.machine == nil || node.machine?.ending != nil || !client.machine!.isOpen))
            #expect(client.machine?.memory == 0)
        }
        print("failures", failures)
    }
}
