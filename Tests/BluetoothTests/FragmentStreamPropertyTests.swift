@testable import Bluetooth
import Testing

/// Under any loss, duplication and delay each side gets the exact octets or an error, within its time.
@Suite struct FragmentStreamPropertyTests {
    private func message(_ count: Int, _ random: inout Seeded) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }

    private func weather(_ loss: Int, _ random: inout Seeded) -> Weather {
        Weather(loss: random.below(loss + 1), duplication: random.below(30), delay: 1...(2 + random.below(60)), overtaking: random.happens(50) ? 0 : 1 + random.below(16),
                room: random.happens(70) ? .max : 1 + random.below(5), burst: random.happens(20) ? 1 + random.below(10) : 1, pace: random.happens(80) ? 0 : 1 + Int64(random.below(10)))
    }

    private func simulation(_ seed: Int, loss: Int) -> Simulation {
        var random = Seeded(state: UInt64(seed))
        let toNode = weather(loss, &random), toClient = weather(loss, &random)
        let mtu = [23, 100, 185, 247, 400, 517]
        let mtus = (mtu[random.below(6)], mtu[random.below(6)]), smaller = min(mtus.0, mtus.1)
        let simulation = Simulation(seed: random.next(), toNode, toClient, clientSays: message(random.below(25 * smaller), &random),
                                    nodeSays: message(random.below(50 * smaller), &random), mtus: mtus)
        for side in [simulation.client, simulation.node] {
            side.stride = random.happens(50) ? 4096 : 1 + random.below(600)
            side.sleep = random.happens(70) ? 0 : random.below(90)
        }
        return simulation
    }

    @Test(arguments: 0..<40) func anyWeather(_ batch: Int) throws {
        var errors = 0
        for run in 0..<50 {
            let seed = batch * 1000 + run, loss = [0, 0, 5, 20, 50][run % 5]
            let simulation = simulation(seed, loss: loss)
            simulation.run()
            let client = simulation.client, node = simulation.node
            let comment = Comment(rawValue: "seed \(seed): \(String(describing: client.machine?.ending)), \(String(describing: node.machine?.ending))")
            #expect(client.message.starts(with: node.heard) && node.message.starts(with: client.heard), comment)
            let isExact = client.heard == node.message && node.heard == client.message
            if !isExact { errors += 1 }
            #expect(isExact || loss > 0, comment)
            for side in [client, node] {
                guard let machine = side.machine else { continue }
                // Nobody broke the rules, and whoever has not heard all was told, or has nothing to wait for: its application has.
                #expect(![.closedHere(.violation), .closedByPeer(.violation)].contains(machine.ending), comment)
                #expect(machine.deadline == nil && (machine.ending != nil || !isExact && !machine.send.isOutstanding), comment)
                #expect(machine.memory == 0 || machine.ending == nil, comment)
            }
            // Each side has 30 s, and the other one's may begin when those end.
            #expect(simulation.now - simulation.progressAt < 62_000_000_000, comment)
        }
        #expect(errors <= 5, "half of all fragments lost, and nearly all messages arrive")
    }
}

/// The same for streams one after another, over a carrier that loses but keeps the order: nothing of one gets into the next.
@Suite struct LinkPropertyTests {
    @Test(arguments: 0..<20) func streamAfterStream(_ seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        let bench = try Bench()
        let loss = random.below(40)
        bench.toNode.lost = { _ in random.happens(loss) }
        bench.toClient.lost = { _ in random.happens(loss) }
        var heard = 0
        for number in 0..<10 {
            let before = bench.accepted.count
            let client = Reader(bench.clientLink.open()), said = (0..<1 + random.below(3000)).map { UInt8(number << 4 | $0 & 15) }
            try bench.advance(milliseconds: 6000)
            guard client.stream.machine.isOpen, bench.accepted.count > before, let stream = bench.accepted.last else { continue }
            let node = Reader(stream)
            client.say(said)
            node.say(said, thenEnds: true)
            // Some are over when the next one begins, some are not.
            try bench.advance(milliseconds: Int64(random.below(3000)))
            if random.happens(50) { client.stream.close() }
            try bench.advance(milliseconds: Int64(random.below(2000)))
            #expect(said.starts(with: node.heard) && said.starts(with: client.heard))
            heard += node.heard.count + client.heard.count
        }
        #expect(heard > 0, "streams begin, and carry something")
    }
}
