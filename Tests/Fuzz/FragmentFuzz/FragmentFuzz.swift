import Bluetooth
import EventLoop
import Streams
import System

/// What another side can send: fragments, each behind its length, with time passing and the application doing something in between. Of a node first,
/// then of a client. No stream may stay longer than its time, keep memory when it is over, send more than it was granted, or take more than it has granted.
@c(LLVMFuzzerTestOneInput)
public func fuzzFragments(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = UnsafeRawBufferPointer(start: octets, count: count)
    for isNode in [true, false] { Visit(isNode: isNode, input).run() }
    return 0
}

private final class SimulatedClock: Clock {
    var realtime: Int64 = 0
    var sinceBoot: Int64 = 1_000_000_000
}

private nonisolated(unsafe) let clock = SimulatedClock()
private nonisolated(unsafe) let loop: EventLoop = {
    guard let loop = try? EventLoop(clock: clock) else { fatalError("no loop") }
    return loop
}()

/// One other side's visit.
private final class Visit: FragmentCarrier, StreamOwner {
    unowned(unsafe) var user: (any FragmentCarrierUser)?
    let largestFragment = 244
    private var input: UnsafeRawBufferPointer
    private var room = 1000
    private var stream: GATTStream?
    private var reads = true
    private var buffer = [UInt8](repeating: 0, count: 5000)
    private var link: GATTLink?
    private var first: UInt8 = 0
    private var identifier: [UInt8] = [0, 0, 0, 0]
    private let isNode: Bool
    private var flow: Flow

    /// - Parameter input: an acknowledgement in it is counted from our first number; an answer has our identifier, or 200 and more in its place.
    init(isNode: Bool, _ input: UnsafeRawBufferPointer) {
        self.isNode = isNode
        self.input = input
        flow = Flow(isNode: isNode)
    }

    func send(_ fragment: UnsafeRawBufferPointer) -> CarrierProgress {
        guard let parsed = Fragment(fragment), fragment.count <= largestFragment else { fatalError("a fragment that violates the protocol is sent") }
        precondition(parsed.credit <= (isNode ? 8 : 15))
        // What was chosen at random: the input counts from there, so that it means the same each time.
        if parsed.kind == .open {
            first = parsed.number
            for index in 0..<4 { identifier[index] = parsed.payload[3 + index] }
        }
        if room == 0 { return .blocked }
        room -= 1
        flow.sends(parsed)
        return .sent
    }

    func waitToSend() {}
    func close() {}

    func streamIsReady() {
        guard let stream else { return }
        switch buffer.withUnsafeMutableBytes({ stream.receive(into: $0) }) {
        case .octets, .blocked: break
        case .ended: stream.close()
        case .failed:
            stream.close()
            self.stream = nil
        }
    }

    func run() {
        let link = isNode ? GATTLink(over: self, loop: loop) { [unowned self] in adopt($0) } : GATTLink(toNodeOver: self, loop: loop)
        self.link = link
        if !isNode { adopt(link.open()) }
        var steps = 0
        while let first = input.first, steps < 300 {
            steps += 1
            input = UnsafeRawBufferPointer(rebasing: input[1...])
            step(first)
        }
        // Whatever was said: when nothing more comes and the owner goes, it is over in its time.
        stream?.close()
        room = 1000
        user?.carrierCanSend()
        pass(31_000)
        precondition(!link.isBusy && loop.nextDeadline == nil, "a stream stays when nobody is there")
        self.link = nil
        stream = nil
    }

    private func adopt(_ stream: GATTStream) {
        self.stream = stream
        stream.owner = self
    }

    /// An octet below 250 is the length of a fragment that follows; others let something else happen.
    private func step(_ first: UInt8) {
        switch first {
        case 255: pass(Int64(1) << (room & 7 + 5))
        case 254: _ = stream.map { stream in buffer.withUnsafeBytes { stream.send($0, more: room & 1 == 0) } }
        case 253:
            reads.toggle()
            stream?.wait(for: reads ? .receiving : .nothing)
        case 252: stream?.finishSending()
        case 251:
            room = room == 0 ? 1000 : 0
            if room > 0 { user?.carrierCanSend() }
        case 250: stream?.close()
        default:
            let count = min(Int(first), input.count)
            var fragment = Array(input[..<count])
            if count >= 3 { fragment[2] &+= first }
            if !isNode, count == 10, fragment[0] & 15 == 1, fragment[6] < 200 { fragment.replaceSubrange(6..., with: identifier) }
            fragment.withUnsafeBytes { deliver($0) }
            input = UnsafeRawBufferPointer(rebasing: input[count...])
        }
        pass(0)
    }

    /// What goes beyond the credit ends the stream, and nothing that keeps to it does.
    private func deliver(_ octets: UnsafeRawBufferPointer) {
        var verdict = Flow.Verdict.nothing
        if octets.count <= largestFragment, let parsed = Fragment(octets) { verdict = flow.arrives(parsed, isLive: link?.isBusy ?? false) }
        user?.carrierReceived(octets)
        switch verdict {
        case .nothing: break
        case .fits: precondition(link?.stream?.ending != .closedHere(.violation), "what was granted is not taken")
        case .violates: precondition(link?.stream?.ending == .closedHere(.violation), "more is taken than was granted")
        }
    }

    private func pass(_ milliseconds: Int64) {
        let end = clock.sinceBoot + milliseconds * 1_000_000 + 1
        for _ in 0..<200 {
            guard let next = loop.nextDeadline, next <= end else { break }
            clock.sinceBoot = max(clock.sinceBoot, next)
            _ = try? loop.runOnce(wait: false)
        }
        clock.sinceBoot = max(clock.sinceBoot, end)
    }
}
