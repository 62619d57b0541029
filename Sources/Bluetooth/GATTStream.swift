import EventLoop
import OpenPGP
import Streams
import System

/// A stream over fragments, of either side. A `GATTLink` makes it and hands it what arrives.
///
/// Its owner is only ever called by the loop, never from within a call of its own.
public final class GATTStream: Stream {
    public var peerFingerprint: Fingerprint? { nil }
    public var network: Network? { nil }
    public var owner: (any StreamOwner)? { didSet { arm() } }
    /// How it ended; nil while it lives.
    public var ending: FragmentStream.Ending? { machine.ending }

    let machine: FragmentStream
    private let carrier: any FragmentCarrier
    private let loop: EventLoop
    private var waiting = StreamReadiness.receiving
    private var isBlocked = false
    private var isClosed = false
    private var timer: Timer?

    init(_ machine: FragmentStream, over carrier: any FragmentCarrier, loop: EventLoop) {
        self.machine = machine
        self.carrier = carrier
        self.loop = loop
        timer = Timer { [unowned(unsafe) self] in timerIsDue() }
    }

    deinit { if let timer { loop.cancel(timer) } }

    // MARK: Stream

    public func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        let count = machine.read(into: buffer, at: loop.now)
        if count > 0 {
            proceed()
            return .octets(count)
        }
        if machine.isAtEnd { return .ended }
        return ending == nil ? .blocked : .failed
    }

    public func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        sent(machine.take(octets, more: more, at: loop.now))
    }

    public func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress {
        guard machine.isOpen, machine.isWritable else { return sent(0) }
        let taken = machine.take(file, offset: offset, count: count, at: loop.now)
        // The file became shorter while it was being sent: the response cannot be completed.
        return taken > 0 ? sent(taken) : .failed
    }

    private func sent(_ count: Int) -> StreamProgress {
        guard count > 0 else { return ending == nil && !machine.isFinishing ? .blocked : .failed }
        proceed()
        return .octets(count)
    }

    public func wait(for readiness: StreamReadiness) {
        waiting = readiness
        arm()
    }

    public func finishSending() {
        machine.finish(at: loop.now)
        proceed()
    }

    public func close() {
        guard !isClosed else { return }
        isClosed = true
        owner = nil
        machine.close(at: loop.now)
        proceed()
    }

    // MARK: The link

    /// Sends what is to be sent now, as far as the carrier takes it, and looks what comes next.
    func proceed() {
        let now = loop.now
        if !isBlocked {
            withUnsafeTemporaryAllocation(byteCount: Fragment.largest, alignment: 1) { buffer in
                while case let count = machine.next(into: buffer), count > 0 {
                    switch carrier.send(UnsafeRawBufferPointer(rebasing: buffer[..<count])) {
                    case .sent: machine.isSent(at: now)
                    case .blocked: return block(at: now)
                    case .failed: return machine.end(.gone)
                    }
                }
            }
        }
        arm()
    }

    private func block(at now: Int64) {
        isBlocked = true
        machine.isBlocked(true, at: now)
        carrier.waitToSend()
    }

    func carrierCanSend() {
        isBlocked = false
        machine.isBlocked(false, at: loop.now)
        proceed()
    }

    func take(_ fragment: Fragment) {
        machine.take(fragment, at: loop.now)
        proceed()
    }

    func end(_ ending: FragmentStream.Ending, telling reason: CloseReason? = nil) {
        machine.end(ending, telling: reason)
        proceed()
    }

    // MARK: Time

    private var isReady: Bool {
        switch waiting {
        case .receiving: machine.isReadable
        case .sending: machine.isWritable
        case .nothing: false
        }
    }

    /// One timer for the owner's readiness and for what the machine waits for; none when there is neither.
    private func arm() {
        guard let timer else { return }
        // Later than now, so that a turn of the loop comes to its end.
        let time = owner != nil && isReady ? loop.now + 1 : machine.deadline
        guard let time else { return loop.cancel(timer) }
        loop.schedule(timer, at: time)
    }

    private func timerIsDue() {
        // The owner may give the last reference up.
        withExtendedLifetime(self) {
            // It reads first: an acknowledgement then returns the credit as well.
            if isReady { owner?.streamIsReady() }
            machine.timeIsDue(at: loop.now)
            proceed()
        }
    }
}
