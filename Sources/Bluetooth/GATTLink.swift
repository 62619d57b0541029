import CLinux
import EventLoop
import System

/// One other side's fragments, and the stream that they belong to: at most one at a time, and one after another.
public final class GATTLink: FragmentCarrierUser {
    /// The stream that there is, or was last; it holds no buffers when it has ended.
    public private(set) var stream: GATTStream?
    /// A node's: why it takes no streams now (`busy`, `stopping`, `shared`); nil: it does.
    public var refusal: CloseReason?
    /// A node's, asked when a stream begins while there is one: whether it may be another client's, on the same carrier. Then both end.
    public var isShared: (() -> Bool)?
    /// The carrier failed: the other side is gone, and so is the stream.
    public var failed: (() -> Void)?

    private let carrier: any FragmentCarrier
    private let loop: EventLoop
    private let credit: UInt8
    /// Nil: a client's.
    private let accept: ((GATTStream) -> Void)?
    /// When fragments of no stream were answered last, in nanoseconds since boot.
    private var answered: Int64?

    /// A node's: `accept` gets each stream that the client opens.
    ///
    /// - Parameter credit: the most data fragments to take without an acknowledgement, 1 to 15.
    public init(over carrier: any FragmentCarrier, loop: EventLoop, credit: UInt8 = Bounds.fragmentsToNode, accept: @escaping (GATTStream) -> Void) {
        self.carrier = carrier
        self.loop = loop
        self.credit = credit
        self.accept = accept
        carrier.user = self
    }

    /// A client's.
    public init(toNodeOver carrier: any FragmentCarrier, loop: EventLoop, credit: UInt8 = Bounds.fragmentsToClient) {
        self.carrier = carrier
        self.loop = loop
        self.credit = credit
        accept = nil
        carrier.user = self
    }

    deinit {
        carrier.user = nil
        stream?.end(.gone)
    }

    /// Begins a stream, a client's; the one before it is over. Octets can be sent once it is ready for them, and it fails when the node does not answer.
    public func open() -> GATTStream {
        let random = GATTLink.random()
        return begin(FragmentStream(opening: UInt32(truncatingIfNeeded: random), first: UInt8(truncatingIfNeeded: random >> 32),
                                    largestFragment: carrier.largestFragment, credit: credit, at: loop.now))
    }

    /// Ends the stream at once with a reason, whatever it owes; the carrier stays.
    public func endStream(_ reason: CloseReason) { stream?.end(.closedHere(reason), telling: reason) }

    /// The same, and ends the carrier.
    public func close(_ reason: CloseReason = .done) {
        failed = nil
        endStream(reason)
        carrier.user = nil
        carrier.close()
    }

    /// Whether something is still owed to the other side, by a stream that its owner has closed or not.
    public var isBusy: Bool { stream.map { $0.ending == nil } ?? false }

    // MARK: The carrier

    public func carrierReceived(_ octets: UnsafeRawBufferPointer) {
        guard octets.count <= carrier.largestFragment, let fragment = Fragment(octets) else {
            return endStream(.violation)
        }
        if fragment.kind == .open, accept != nil { return isOpened(fragment) }
        if let stream, stream.ending == nil || stream.ending == .finished || fragment.kind == .close { return stream.take(fragment) }
        // A client that ended its stream need not be told of the node's last words; nor a node of a client's.
        if fragment.kind != .open, fragment.kind != .close { tell(.noStream, atMostEach: 1_000_000_000) }
    }

    public func carrierCanSend() { stream?.carrierCanSend() }

    public func carrierHasFailed() {
        stream?.end(.gone)
        failed?()
    }

    private func isOpened(_ fragment: Fragment) {
        do throws(CloseReason) {
            let opening = try Opening(fragment.payload)
            if let stream, stream.machine.identifier == opening.identifier {
                // It came again: the answer was lost. Of a stream that is over it is late.
                stream.machine.isOpenedAgain()
                return stream.proceed()
            }
            if let refusal { throw refusal }
            if isBusy, isShared?() ?? false { return stream?.end(.closedHere(.shared), telling: .shared) ?? () }
            let machine = FragmentStream(answering: opening, fragment, first: UInt8(truncatingIfNeeded: GATTLink.random()),
                                         largestFragment: carrier.largestFragment, credit: credit, at: loop.now)
            accept?(begin(machine))
        } catch {
            // Whatever was before, this client has no stream now.
            if let stream, isBusy { stream.end(.closedHere(error), telling: error) } else { tell(error) }
        }
    }

    private func begin(_ machine: FragmentStream) -> GATTStream {
        stream?.end(.gone)
        let stream = GATTStream(machine, over: carrier, loop: loop)
        self.stream = stream
        stream.proceed()
        return stream
    }

    /// Closes what is no stream here.
    private func tell(_ reason: CloseReason, atMostEach pause: Int64 = 0) {
        let now = loop.now
        if let answered, now - answered < pause { return }
        answered = now
        withUnsafeTemporaryAllocation(byteCount: Fragment.headerCount + 2, alignment: 1) { buffer in
            Fragment.writeHeader(.close, credit: 0, number: 0, acknowledgement: 0, to: buffer)
            buffer[3] = reason.rawValue
            buffer[4] = Opening.version
            // One that the carrier does not take is as good as lost.
            _ = carrier.send(UnsafeRawBufferPointer(rebasing: buffer[..<(reason == .version ? 5 : 4)]))
        }
    }

    private static func random() -> UInt64 {
        var random: UInt64 = 0
        maud_random(&random, 8)
        return random
    }
}
