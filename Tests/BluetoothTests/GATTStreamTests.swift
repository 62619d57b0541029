@testable import Bluetooth
import CLinux
import EventLoop
import Streams
import System
import Testing

@Suite struct GATTStreamTests {
    private func count(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) } }

    @Test func bothWays() throws {
        let bench = try Bench()
        let (client, node) = try bench.open()
        client.say(count(1500))
        node.say(count(30_000), thenEnds: true)
        try bench.advance(milliseconds: 40)
        #expect(node.heard == count(1500) && client.heard == count(30_000) && client.hasEnded && !node.hasEnded)
    }

    /// 3.6, 3.8: after the last acknowledgement nothing is due, for either side.
    @Test func anIdleStreamHasNoTimer() throws {
        let bench = try Bench()
        let (client, node) = try bench.open()
        client.say(count(10))
        node.say(count(2000))
        try bench.advance(milliseconds: 100)
        #expect(client.heard.count == 2000 && bench.loop.nextDeadline == nil)
    }

    /// 3.10: whoever closes has sent all first; a response followed by close arrives whole, though it is larger than the buffers.
    @Test(arguments: [1, 100, 3600]) func closeSendsWhatIsOwed(_ size: Int) throws {
        let bench = try Bench()
        let (client, node) = try bench.open()
        #expect(count(size).withUnsafeBytes { node.stream.send($0, more: false) } == .octets(size))
        node.stream.close()
        try bench.advance(milliseconds: 100)
        #expect(client.heard == count(size) && client.hasEnded)
        #expect(client.stream.ending == .closedByPeer(.done) && node.stream.ending == .closedHere(.done) && node.stream.machine.memory == 0)
    }

    @Test func bothClose() throws {
        let bench = try Bench()
        let (client, node) = try bench.open()
        client.stream.close()
        try bench.settle()
        #expect(node.hasEnded)
        node.stream.close()
        try bench.advance(milliseconds: 100)
        #expect(client.stream.ending == .finished && node.stream.ending == .finished)
        #expect(client.stream.machine.memory == 0 && node.stream.machine.memory == 0 && bench.loop.nextDeadline == nil && !bench.nodeLink.isBusy)
    }

    /// 3.2: BlueZ loses the first notification.
    @Test func theAnswerIsLost() throws {
        let bench = try Bench()
        var first = true
        bench.toClient.lost = { _ in defer { first = false }; return first }
        let client = bench.clientLink.open()
        try bench.settle()
        #expect(!client.machine.isOpen)
        try bench.advance(milliseconds: 250)
        #expect(client.machine.isOpen && bench.accepted.count == 1)
    }

    @Test func nobodyAnswers() throws {
        let bench = try Bench()
        bench.toClient.lost = { _ in true }
        let client = Reader(bench.clientLink.open())
        var times: [Int64] = []
        let start = bench.clock.sinceBoot
        for millisecond in 0..<10_000 {
            if !bench.toNode.kinds().isEmpty { times.append(Int64(millisecond)) }
            bench.clock.sinceBoot = max(bench.clock.sinceBoot, start + Int64(millisecond + 1) * 1_000_000)
            try bench.settle()
            if client.hasFailed { times.append(Int64(millisecond + 1)); break }
        }
        #expect(times == [0, 250, 750, 1750, 3750, 5750, 7750])
        #expect(client.stream.ending == .closedHere(.timeOut))
        try bench.advance(milliseconds: 1)
        #expect(bench.loop.nextDeadline == nil)
    }

    /// 4: reasons before anything was opened, and at the end of the node.
    @Test func refusals() throws {
        let bench = try Bench()
        bench.nodeLink.refusal = .busy
        let refused = Reader(bench.clientLink.open())
        try bench.advance(milliseconds: 1)
        #expect(refused.stream.ending == .closedByPeer(.busy) && refused.hasFailed && bench.accepted.isEmpty)
        bench.nodeLink.refusal = nil
        let (client, node) = try bench.open()
        bench.nodeLink.close(.stopping)
        try bench.settle()
        #expect(client.hasFailed && node.hasFailed && client.stream.ending == .closedByPeer(.stopping))
    }

    /// 3.3
    @Test func aNewStreamReplacesTheOld() throws {
        let bench = try Bench()
        let (_, first) = try bench.open()
        let (client, second) = try bench.open()
        try bench.settle()
        #expect(first.hasFailed && first.stream.ending == .gone && first.stream !== second.stream)
        client.say(count(300))
        try bench.settle()
        #expect(second.heard == count(300))
    }

    /// 4: once a second at most; and nothing at all for close, and for what is late of an end that both know.
    @Test func fragmentsOfNoStream() throws {
        let bench = try Bench()
        for _ in 0..<3 { octets("08 00 00 41").withUnsafeBytes { bench.nodeLink.carrierReceived($0) } }
        octets("04 00 00 00").withUnsafeBytes { bench.nodeLink.carrierReceived($0) }
        #expect(bench.toClient.sent == [[4, 0, 0, 1]])
        try bench.advance(milliseconds: 1000)
        octets("00 00 00").withUnsafeBytes { bench.nodeLink.carrierReceived($0) }
        #expect(bench.toClient.kinds() == [.close, .close])
    }

    @Test(arguments: [("00", CloseReason.violation), ("08 00 00", .violation), ("01 00 00 01 ef01", .violation), ("05 00 00 01", .violation), ("01 00 00 02", .version)])
    func violations(_ text: String, _ reason: CloseReason) throws {
        let bench = try Bench()
        let (client, node) = try bench.open()
        octets(text).withUnsafeBytes { bench.nodeLink.carrierReceived($0) }
        try bench.settle()
        #expect(node.hasFailed && node.stream.ending == .closedHere(reason) && client.stream.ending == .closedByPeer(reason))
        // What is larger than agreed, though less than 495.
        let (_, next) = try bench.open()
        [UInt8](repeating: 8, count: 245).withUnsafeBytes { bench.nodeLink.carrierReceived($0) }
        #expect(next.stream.ending == .closedHere(.violation))
    }

    @Test func theCarrierIsBlocked() throws {
        let bench = try Bench()
        let (client, node) = try bench.open()
        bench.toClient.room = 0
        node.say(count(8000))
        try bench.advance(milliseconds: 3000)
        #expect(client.heard.isEmpty && bench.toClient.waits)
        for _ in 0..<100 {
            bench.toClient.makeRoom(1)
            try bench.advance(milliseconds: 1)
        }
        #expect(client.heard == count(8000))
        // For ever: the stream ends within its time.
        bench.toClient.room = 0
        node.say(count(10))
        try bench.advance(milliseconds: 29_000)
        #expect(node.stream.ending == nil)
        try bench.advance(milliseconds: 2000)
        #expect(node.stream.ending == .closedHere(.timeOut) && node.hasFailed)
    }

    @Test func theCarrierFails() throws {
        let bench = try Bench()
        let (_, node) = try bench.open()
        var told = 0
        bench.nodeLink.failed = { told += 1 }
        bench.toClient.close()
        bench.nodeLink.carrierHasFailed()
        try bench.advance(milliseconds: 1)
        #expect(told == 1 && node.hasFailed && node.stream.ending == .gone && node.stream.machine.memory == 0)
    }

    /// A client that never reads: no more than the buffers is prepared for it, and the others' time is not taken.
    @Test func aClientThatNeverReads() throws {
        let bench = try Bench()
        let (client, node) = try bench.open()
        client.stream.wait(for: .nothing)
        node.say(count(100_000))
        try bench.advance(milliseconds: 300_000)
        #expect(node.stream.ending == nil && node.pending.count == 100_000 - 2 * 15 * 241)
        #expect(node.stream.machine.memory == (8 + 15) * 241 && node.calls < 50)
        // Questions come every 8 s, and are answered.
        bench.toClient.lost = { _ in false }
        client.stream.wait(for: .receiving)
        try bench.advance(milliseconds: 8000)
        #expect(client.heard == count(100_000))
    }

    /// 3.8: a client that asks for a file and answers nothing.
    @Test func aClientThatIsSilent() throws {
        let bench = try Bench()
        let (_, node) = try bench.open()
        bench.toNode.lost = { _ in true }
        node.say(count(500))
        try bench.advance(milliseconds: 29_990)
        #expect(node.stream.ending == nil)
        try bench.advance(milliseconds: 20)
        #expect(node.stream.ending == .closedHere(.timeOut) && bench.toClient.kinds().last == .close)
    }

    @Test func files() throws {
        let path = "/tmp/maud-bluetooth-\(maud_process_id())"
        try Files.write(count(50_000), to: path)
        let file = try FileDescriptor.open(path, .read)
        try Files.remove(path)
        let bench = try Bench()
        let (client, node) = try bench.open()
        #expect(count(100).withUnsafeBytes { node.stream.send($0, more: true) } == .octets(100))
        let sender = FileSender(node.stream, file.rawValue, 50_000)
        try bench.settle()
        #expect(client.heard == count(100) + count(50_000) && sender.offset == 50_000)
        // A file that is shorter than promised.
        #expect(node.stream.sendFile(file.rawValue, offset: 50_000, count: 10) == .failed)
    }

    /// Sends a file when it can.
    private final class FileSender: StreamOwner {
        let stream: GATTStream, file: Int32, size: Int
        private(set) var offset = 0
        init(_ stream: GATTStream, _ file: Int32, _ size: Int) {
            self.stream = stream
            self.file = file
            self.size = size
            stream.owner = self
            stream.wait(for: .sending)
        }
        func streamIsReady() {
            while offset < size {
                guard case .octets(let count) = stream.sendFile(file, offset: Int64(offset), count: size - offset) else { return }
                offset += count
            }
            stream.wait(for: .nothing)
        }
    }

    /// The owner may do anything from within its call, also give up the last reference.
    @Test func anOwnerThatCloses() throws {
        final class Closer: StreamOwner {
            var stream: GATTStream?
            var link: (() -> Void)?
            func streamIsReady() {
                stream?.close()
                stream = nil
                link?()
            }
        }
        let bench = try Bench()
        let (client, _) = try bench.open()
        let closer = Closer()
        closer.stream = bench.accepted.popLast()
        closer.stream?.owner = closer
        closer.link = { bench.nodeLink.close(); bench.nodeLink = nil }
        client.say([1])
        try bench.advance(milliseconds: 100)
        #expect(bench.nodeLink == nil && client.heard.isEmpty)
    }
}
