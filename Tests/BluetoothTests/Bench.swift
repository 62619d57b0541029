@testable import Bluetooth
import CLinux
import EventLoop
import Glibc
import Streams
import System
import Testing

final class SimulatedClock: Clock {
    var realtime: Int64 = 0
    var sinceBoot: Int64 = 1_000_000_000
}

/// A carrier without a radio: what it sends goes into the other one's `inbox`, unless it is to be lost.
final class MemoryCarrier: FragmentCarrier {
    unowned(unsafe) var user: (any FragmentCarrierUser)?
    let largestFragment: Int
    var other: MemoryCarrier?
    private(set) var sent: [[UInt8]] = []
    var inbox: [[UInt8]] = []
    /// Says what becomes of a fragment.
    var lost: ([UInt8]) -> Bool = { _ in false }
    var room = Int.max
    private(set) var waits = false, isClosed = false

    init(mtu: Int) { largestFragment = Fragment.size(forMTU: mtu) }

    func send(_ fragment: UnsafeRawBufferPointer) -> CarrierProgress {
        if isClosed { return .failed }
        if room == 0 { return .blocked }
        room -= 1
        sent.append(Array(fragment))
        if !lost(Array(fragment)) { other?.inbox.append(Array(fragment)) }
        return .sent
    }

    func waitToSend() { waits = true }
    func close() { isClosed = true }

    func makeRoom(_ room: Int) {
        self.room = room
        guard waits, room > 0 else { return }
        waits = false
        user?.carrierCanSend()
    }

    /// Hands one fragment over; false when there is none.
    func deliver() -> Bool {
        guard !inbox.isEmpty else { return false }
        let next = inbox.removeFirst()
        next.withUnsafeBytes { user?.carrierReceived($0) }
        return true
    }

    /// Kinds of the fragments that were sent since the last call.
    func kinds() -> [Fragment.Kind?] {
        defer { sent = [] }
        return sent.map { Fragment.Kind(rawValue: $0[0] & 15) }
    }
}

/// A node and a client over two carriers in memory, on one loop with a simulated clock.
final class Bench {
    let clock = SimulatedClock()
    let loop: EventLoop
    let toNode: MemoryCarrier, toClient: MemoryCarrier
    var nodeLink: GATTLink!, clientLink: GATTLink!
    var accepted: [GATTStream] = []

    init(mtu: Int = 247) throws {
        loop = try EventLoop(clock: clock)
        toNode = MemoryCarrier(mtu: mtu)
        toClient = MemoryCarrier(mtu: mtu)
        toNode.other = toClient
        toClient.other = toNode
        // `toNode` is what the client holds; what it sends arrives at `toClient`, which the node holds.
        clientLink = GATTLink(toNodeOver: toNode, loop: loop)
        nodeLink = GATTLink(over: toClient, loop: loop) { [unowned self] in accepted.append($0) }
    }

    /// Fragments arrive and timers fire until nothing is left to do at this moment.
    func settle() throws {
        repeat {
            while toNode.deliver() || toClient.deliver() {}
            clock.sinceBoot += 1
        } while try loop.runOnce(wait: false) || !toNode.inbox.isEmpty || !toClient.inbox.isEmpty
    }

    /// Time passes, timer by timer.
    func advance(milliseconds: Int64) throws {
        let end = clock.sinceBoot + milliseconds * 1_000_000
        try settle()
        while let next = loop.nextDeadline, next <= end {
            clock.sinceBoot = max(clock.sinceBoot, next)
            try settle()
        }
        clock.sinceBoot = max(clock.sinceBoot, end)
    }

    /// A stream of which both sides know.
    func open() throws -> (client: Reader, node: Reader) {
        let client = clientLink.open()
        try settle()
        return (Reader(client), Reader(try #require(accepted.last)))
    }
}

/// An owner that reads whatever there is.
final class Reader: StreamOwner {
    let stream: GATTStream
    private(set) var heard: [UInt8] = []
    private(set) var hasEnded = false, hasFailed = false
    private(set) var calls = 0
    /// What it sends when it can, in pieces.
    var pending: ArraySlice<UInt8> = []
    var endsAfterwards = false

    init(_ stream: GATTStream) {
        self.stream = stream
        stream.owner = self
    }

    func streamIsReady() {
        calls += 1
        if !pending.isEmpty { return work() }
        read()
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 1000)
        while true {
            switch buffer.withUnsafeMutableBytes({ stream.receive(into: $0) }) {
            case .octets(let count): heard += buffer[..<count]
            case .blocked: return
            case .ended:
                hasEnded = true
                return stream.wait(for: .nothing)
            case .failed:
                hasFailed = true
                return stream.wait(for: .nothing)
            }
        }
    }

    func say(_ octets: [UInt8], thenEnds: Bool = false) {
        pending = octets[...]
        endsAfterwards = thenEnds
        work()
    }

    private func work() {
        while !pending.isEmpty {
            switch pending.withUnsafeBytes({ stream.send($0, more: false) }) {
            case .octets(let count): pending.removeFirst(count)
            case .blocked: return stream.wait(for: .sending)
            case .ended, .failed:
                hasFailed = true
                pending = []
                return stream.wait(for: .nothing)
            }
        }
        if endsAfterwards { stream.finishSending() }
        stream.wait(for: .receiving)
    }
}
