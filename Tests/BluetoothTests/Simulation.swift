@testable import Bluetooth
import Testing

/// One side: its machine, what its application says and has heard.
final class Side {
    var machine: FragmentStream?
    let message: [UInt8]
    /// Octets given to the machine, and heard from the other side.
    var given = 0
    var heard: [UInt8] = []
    var isFinished = false, isClosed = false
    /// Octets at a time, given and read; how often the reader sleeps, in percent.
    var stride = Int.max, sleep = 0

    init(_ message: [UInt8]) { self.message = message }
}

/// A client and a node over two ways, with a clock of their own. Both say their message, then that nothing follows, read the other's and close.
final class Simulation {
    var now: Int64 = 1_000_000_000
    var random: Seeded
    var ways: (toNode: Way, toClient: Way)
    let client: Side, node: Side
    let mtus: (client: Int, node: Int)
    var turns = 0
    /// When the client heard something last, and when anybody did or began.
    private(set) var heardAt: Int64 = 0
    private(set) var progressAt: Int64 = 1_000_000_000

    init(seed: UInt64, _ toNode: Weather, _ toClient: Weather, clientSays: [UInt8], nodeSays: [UInt8], mtus: (Int, Int) = (247, 247)) {
        random = Seeded(state: seed)
        ways = (Way(toNode), Way(toClient))
        client = Side(clientSays)
        node = Side(nodeSays)
        self.mtus = mtus
        client.machine = FragmentStream(opening: UInt32(truncatingIfNeeded: random.next()), first: UInt8(truncatingIfNeeded: random.next()),
                                        largestFragment: Fragment.size(forMTU: mtus.0), at: now)
    }

    private func pump(_ side: Side, _ way: inout Way) {
        guard let machine = side.machine else { return }
        withUnsafeTemporaryAllocation(byteCount: Fragment.largest, alignment: 1) { buffer in
            while case let count = machine.next(into: buffer), count > 0 {
                if way.isFull { return machine.isBlocked(true, at: now) }
                machine.isBlocked(false, at: now)
                way.send(Array(buffer[..<count]), at: now, &random)
                machine.isSent(at: now)
            }
            machine.isBlocked(false, at: now)
        }
    }

    /// The application reads and writes as far as it can.
    private func work(_ side: Side) {
        guard let machine = side.machine, !side.isClosed else { return }
        if !random.happens(side.sleep) {
            var buffer = [UInt8](repeating: 0, count: min(side.stride, 4096))
            while case let count = buffer.withUnsafeMutableBytes({ machine.read(into: $0, at: now) }), count > 0 {
                side.heard += buffer[..<count]
                if side === client { heardAt = now }
                progressAt = now
                if random.happens(side.sleep) { break }
            }
        }
        while side.given < side.message.count {
            let piece = side.message[side.given...].prefix(side.stride)
            let taken = piece.withUnsafeBytes { machine.take($0, more: false, at: now) }
            if taken == 0 { break }
            side.given += taken
        }
        if side.given == side.message.count, !side.isFinished, machine.isOpen {
            side.isFinished = true
            machine.finish(at: now)
        }
        if side.isFinished, machine.isAtEnd, machine.receive.count == 0 {
            side.isClosed = true
            machine.close(at: now)
        }
    }

    /// 8 fragments to receive and 15 to send for a node, 15 and 8 for a client, each of the size that its link or both links carry.
    private func checkMemory() {
        let sizes = (client: Fragment.size(forMTU: mtus.client) - 3, node: Fragment.size(forMTU: mtus.node) - 3), both = min(sizes.client, sizes.node)
        if let machine = client.machine { #expect(machine.memory <= 15 * sizes.client + 8 * both) }
        if let machine = node.machine { #expect(machine.memory <= 8 * sizes.node + 15 * both) }
    }

    private func turn() {
        checkMemory()
        for _ in 0..<2 {
            work(client)
            pump(client, &ways.toNode)
            work(node)
            pump(node, &ways.toClient)
        }
    }

    private func deliver(_ octets: [UInt8], to side: Side) {
        octets.withUnsafeBytes { buffer in
            guard let fragment = Fragment(buffer) else {
                Issue.record("a fragment that violates section 2")
                return
            }
            if side === node, fragment.kind == .open {
                if let machine = node.machine { return machine.isOpenedAgain() }
                guard let opening = try? Opening(fragment.payload) else { return }
                node.machine = FragmentStream(answering: opening, fragment, first: UInt8(truncatingIfNeeded: random.next()),
                                              largestFragment: Fragment.size(forMTU: mtus.node), at: now)
                return
            }
            side.machine?.take(fragment, at: now)
        }
    }

    /// Whether anything can still happen.
    private var nextTime: Int64? {
        var times: [Int64] = []
        for side in [client, node] { if let deadline = side.machine?.deadline { times.append(deadline) } }
        if let next = ways.toNode.next { times.append(next.time) }
        if let next = ways.toClient.next { times.append(next.time) }
        return times.min()
    }

    /// Runs until nothing happens any more, or the time is over.
    func run(seconds: Int64 = 100_000) {
        let end = now + seconds * 1_000_000_000
        turn()
        while turns < 400_000 {
            // A reader that sleeps wakes up every 100 ms.
            var time = nextTime
            if sleepers { time = min(time ?? .max, now + 100_000_000) }
            guard let time, time <= end else { return }
            now = max(now, time)
            turns += 1
            while let next = ways.toNode.next, next.time <= now { deliver(ways.toNode.passages.remove(at: next.index).octets, to: node) }
            while let next = ways.toClient.next, next.time <= now { deliver(ways.toClient.passages.remove(at: next.index).octets, to: client) }
            for side in [client, node] { if let deadline = side.machine?.deadline, deadline <= now { work(side); side.machine?.timeIsDue(at: now) } }
            turn()
        }
        Issue.record("it never ends")
    }

    private var sleepers: Bool {
        [client, node].contains { side in side.sleep > 0 && !side.isClosed && side.machine.map { $0.receive.count > 0 } ?? false }
    }
}
