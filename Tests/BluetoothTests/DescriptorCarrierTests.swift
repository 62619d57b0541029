@testable import Bluetooth
import EventLoop
import Glibc
import Streams
import System
import Testing

/// The real kernel's sockets, as BlueZ hands them over.
@Suite struct DescriptorCarrierTests {
    private func pair() throws -> (Int32, Int32) {
        var descriptors: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &descriptors) == 0)
        return (descriptors[0], descriptors[1])
    }

    private func turn(_ loop: EventLoop, until done: () -> Bool) throws {
        for _ in 0..<100_000 where !done() { try loop.runOnce(wait: true) }
        #expect(done())
    }

    /// A node and a client, with one descriptor each or with two.
    @Test(arguments: [1, 2]) func carries(_ descriptors: Int) throws {
        let loop = try EventLoop(clock: SystemClock())
        let a = try pair(), b = descriptors == 1 ? a : try pair()
        let node = try DescriptorCarrier(sending: a.0, receiving: b.0, mtu: 517, loop: loop)
        let client = try DescriptorCarrier(sending: b.1, receiving: a.1, mtu: 517, loop: loop)
        #expect(node.largestFragment == 495)
        var accepted: Reader?
        let nodeLink = GATTLink(over: node, loop: loop) { accepted = Reader($0) }
        let clientLink = GATTLink(toNodeOver: client, loop: loop)
        let reader = Reader(clientLink.open())
        try turn(loop) { accepted != nil }
        let message = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 >> 7) }
        accepted?.say(message, thenEnds: true)
        reader.say([1, 2, 3])
        try turn(loop) { reader.hasEnded && accepted?.heard.count == 3 }
        #expect(reader.heard == message)
        // The client goes: the node is told, and ends the stream.
        var failed = false
        nodeLink.failed = { failed = true }
        clientLink.close()
        try turn(loop) { failed && accepted?.hasFailed == true }
        #expect(nodeLink.stream?.machine.memory == 0)
        nodeLink.close()
    }

    /// Full, then empty again; and an empty message is no end.
    @Test func blocked() throws {
        let loop = try EventLoop(clock: SystemClock())
        let (own, other) = try pair()
        let carrier = try DescriptorCarrier(sending: own, receiving: own, mtu: 517, loop: loop)
        let user = User()
        carrier.user = user
        let fragment = [UInt8](repeating: 8, count: 495)
        var sent = 0
        while fragment.withUnsafeBytes({ carrier.send($0) }) == .sent { sent += 1 }
        #expect(sent > 15 && fragment.withUnsafeBytes { carrier.send($0) } == .blocked)
        carrier.waitToSend()
        try loop.runOnce(wait: false)
        #expect(user.turns == 0)
        var buffer = [UInt8](repeating: 0, count: 600)
        while recv(other, &buffer, 600, 0) > 0 {}
        try turn(loop) { user.turns == 1 }
        // Level-triggered, but not for what nobody waits for.
        #expect(try !loop.runOnce(wait: false))
        send(other, buffer, 0, 0)
        send(other, buffer, 7, 0)
        send(other, buffer, 600, 0)
        try turn(loop) { user.lengths.count == 3 }
        #expect(user.lengths == [0, 7, 496] && user.failures == 0)
        close(other)
        try turn(loop) { user.failures == 1 }
        #expect(fragment.withUnsafeBytes { carrier.send($0) } == .failed)
    }

    private final class User: FragmentCarrierUser {
        var turns = 0, failures = 0, lengths: [Int] = []
        func carrierReceived(_ octets: UnsafeRawBufferPointer) { lengths.append(octets.count) }
        func carrierCanSend() { turns += 1 }
        func carrierHasFailed() { failures += 1 }
    }
}
