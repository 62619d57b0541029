/// What a stream has received, in order, and has not given to its reader; and what it has promised to take.
struct ReceiveWindow: ~Copyable {
    enum Arrival { case taken, old, early, violation }

    private var octets = OctetRing()
    /// The number that comes next.
    private(set) var expected: UInt8 = 0
    /// The first number that the other side was not allowed yet.
    private var edge: UInt8 = 0
    /// The most octets of one fragment, and the most fragments promised.
    private let payload: Int
    private let window: UInt8
    /// The other side sends no more.
    private(set) var isEnded = false
    /// Fragments taken since the last acknowledgement that was sent.
    private(set) var unacknowledged: UInt8 = 0

    init(payload: Int, window: UInt8) {
        self.payload = payload
        self.window = window
    }

    /// The other side's first number is known.
    mutating func open(first: UInt8, promised: UInt8) {
        expected = first
        edge = first &+ promised
        octets.allocate(Int(window) * payload)
    }

    /// Nobody reads any more: what comes is taken and dropped.
    mutating func discard() { octets.free() }

    var memory: Int { octets.capacity }
    var count: Int { octets.count }

    /// Fragments from `expected` on that there is room for; what was promised stays promised.
    var credit: UInt8 {
        if isEnded { return 0 }
        let room = octets.capacity == 0 ? window : UInt8(truncatingIfNeeded: octets.room / payload)
        return max(room, edge &- expected)
    }

    /// Half of the window is used up, so the other side should hear of it at once.
    var isHalfUsed: Bool { unacknowledged >= (window + 1) / 2 }

    /// What the reader took gives half of the window back; or it gives something back to someone who has nothing.
    var isHalfReturned: Bool { credit &- (edge &- expected) >= (window + 1) / 2 }
    var isStarving: Bool { edge == expected && credit > 0 }

    /// A header with `credit` and `expected` is on its way.
    mutating func isTold() {
        edge = expected &+ credit
        unacknowledged = 0
    }

    mutating func take(_ fragment: Fragment) -> Arrival {
        let ahead = fragment.number &- expected
        if ahead >= 128 { return .old }
        guard ahead < edge &- expected, fragment.payload.count <= payload, !isEnded else { return .violation }
        guard ahead == 0 else { return .early }
        _ = octets.append(fragment.payload)
        expected &+= 1
        unacknowledged += 1
        isEnded = fragment.kind == .lastData
        return .taken
    }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, octets.count)
        octets.copy(from: 0, to: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
        octets.drop(count)
        return count
    }
}
