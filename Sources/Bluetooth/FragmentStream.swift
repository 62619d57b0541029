import System

/// One stream's state machine, of either side (docs/bluetooth.md, sections 2 to 4). It owns no descriptor and looks at no clock: whoever has
/// a carrier hands it what happens, with the time in nanoseconds, and then sends what `next` writes.
///
/// Its buffers are there while the stream is: credit x payload to receive, the other side's credit x payload to send.
public final class FragmentStream {
    /// How a stream ended.
    public enum Ending: Equatable, Sendable {
        /// Both sides said that nothing follows, and both know.
        case finished
        case closedByPeer(CloseReason)
        case closedHere(CloseReason)
        /// There is no carrier any more, or the client began another stream.
        case gone
    }

    enum State { case opening, open }

    public let identifier: UInt32
    /// Nil while it lives.
    public private(set) var ending: Ending?

    let largestFragment: Int
    var state: State
    var send: SendWindow
    var receive: ReceiveWindow
    /// The owner has closed the stream: what it owes is still sent.
    var isClosed = false
    /// The carrier takes nothing now: nothing is gained by repeating.
    var isBlocked = false

    // What is to be sent besides data.
    var owesOpening = true
    var owesAcknowledgement = false
    var owesQuestion = false
    var owesClose: CloseReason?
    /// Fragments are missing, and for which expected number the other side was told at once.
    var isMissing = false
    var toldMissing: UInt8?
    var prepared = Fragment.Kind.acknowledgement

    // Times, in nanoseconds.
    var acknowledgementDue: Int64?
    /// When something is repeated; nil when the other side owes nothing. It has owed since `waitingSince`.
    var retryDue: Int64?
    var waitingSince: Int64 = 0
    var pause = FragmentStream.openingPause
    var openings = 0
    var repeatedFor: UInt8?
    var repeatedAt: Int64 = 0

    static let millisecond: Int64 = 1_000_000
    static let acknowledgementDelay = 20 * millisecond
    static let openingPause = 250 * millisecond, longestOpeningPause = 2000 * millisecond
    static let firstPause = 500 * millisecond, longestPause = 8000 * millisecond
    static let gapPause = 200 * millisecond
    static let limit = Int64(Bounds.fragmentSeconds) * nanosecondsPerSecond
    static let mostOpenings = 6

    /// A client's: opens at once.
    ///
    /// - Parameters:
    ///   - identifier, first: chosen at random.
    ///   - largestFragment: what its link carries; see `Fragment.size(forMTU:)`.
    public init(opening identifier: UInt32, first: UInt8, largestFragment: Int, credit: UInt8 = Bounds.fragmentsToClient, at now: Int64) {
        state = .opening
        self.identifier = identifier
        self.largestFragment = largestFragment
        send = SendWindow(first: first)
        receive = ReceiveWindow(payload: largestFragment - Fragment.headerCount, window: credit)
        openings = 1
        wait(at: now)
    }

    /// A node's, which a client opened.
    public init(answering opening: Opening, _ fragment: Fragment, first: UInt8, largestFragment: Int, credit: UInt8 = Bounds.fragmentsToNode, at now: Int64) {
        state = .open
        identifier = opening.identifier
        self.largestFragment = largestFragment
        send = SendWindow(first: first)
        send.open(payload: min(opening.largestFragment, largestFragment) - Fragment.headerCount, credit: fragment.credit)
        receive = ReceiveWindow(payload: largestFragment - Fragment.headerCount, window: credit)
        receive.open(first: fragment.number, promised: 0)
        pause = FragmentStream.firstPause
    }

    /// Octets of memory besides the object itself.
    public var memory: Int { send.memory + receive.memory }
    public var isOpen: Bool { state == .open && ending == nil }
    /// Whether its reader gets something new: octets, the end, or a failure.
    public var isReadable: Bool { receive.count > 0 || receive.isEnded || ending != nil }
    /// Whether `take` takes something, or the stream has failed.
    public var isWritable: Bool { send.hasRoom || ending != nil }
    /// No more octets come; those that did are still to be read.
    public var isAtEnd: Bool { receive.isEnded }

    /// Whether `finish` was called.
    public var isFinishing: Bool { send.isFinishing }

    // MARK: The application

    /// Takes octets to send, as many as there is room for.
    public func take(_ octets: UnsafeRawBufferPointer, more: Bool, at now: Int64) -> Int {
        guard isOpen, !isFinishing else { return 0 }
        let taken = send.take(octets, more: more)
        wait(at: now)
        return taken
    }

    /// The same from an open file; less than 1 when it cannot be read.
    public func take(_ file: Int32, offset: Int64, count: Int, at now: Int64) -> Int {
        let taken = send.take(file, offset: offset, count: count)
        wait(at: now)
        return taken
    }

    /// Gives received octets to the reader; 0 when there are none.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at now: Int64) -> Int {
        let count = receive.read(into: buffer)
        if count > 0, ending == nil {
            if receive.isHalfReturned { owesAcknowledgement = true } else if receive.isStarving { acknowledge(by: now + FragmentStream.acknowledgementDelay) }
        }
        if ending != nil, receive.count == 0 { receive.discard() }
        return count
    }

    /// Nothing follows what was taken.
    public func finish(at now: Int64) {
        guard !send.isFinishing else { return }
        send.finish()
        wait(at: now)
    }

    /// The owner goes: what it owes is sent, what comes is dropped, for as long as the other side listens.
    public func close(at now: Int64) {
        isClosed = true
        receive.discard()
        if state == .opening { return end(.closedHere(.done), telling: .done) }
        finish(at: now)
        settle()
    }

    /// Ends at once, perhaps with a word to the other side.
    public func end(_ ending: Ending, telling reason: CloseReason? = nil) {
        guard self.ending == nil else { return }
        self.ending = ending
        owesClose = reason
        send.free()
        if isClosed || receive.count == 0 { receive.discard() }
        retryDue = nil
        if ending != .finished { acknowledgementDue = nil }
    }
}
