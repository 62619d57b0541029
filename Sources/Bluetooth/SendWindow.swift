/// What a stream has to send: the octets that are not acknowledged, and those that were not sent yet.
///
/// Data fragments with numbers from `base` to before `highest` are outstanding. They are cut once, and sent again as they were; `next` is the one to
/// be sent now, and goes back to `base` when all are to be sent again.
struct SendWindow: ~Copyable {
    private var octets = OctetRing()
    private(set) var base: UInt8
    private var next: UInt8
    private(set) var highest: UInt8
    /// The first number that may not be sent: acknowledgement and credit of the other side.
    private var edge: UInt8
    /// Payloads of outstanding fragments, by the low 4 bits of their numbers: there are at most 15.
    private var lengths = InlineArray<16, UInt16>(repeating: 0)
    /// Octets of the outstanding fragments, and of those before `next`.
    private var outstandingOctets = 0
    private var sentOctets = 0
    /// The most octets of one fragment.
    private var payload = 0
    /// More octets follow at once: none go in a fragment that is not full.
    var isCorked = false
    /// Nothing follows; the fragment that says so may be on its way.
    private(set) var isFinishing = false
    private var isEndSent = false

    init(first: UInt8) {
        base = first
        next = first
        highest = first
        edge = first
    }

    /// Both sides know each other.
    mutating func open(payload: Int, credit: UInt8) {
        self.payload = payload
        edge = base &+ credit
        // No less than four: who says 0 may give more later.
        octets.allocate(max(Int(credit), 4) * payload)
    }

    mutating func free() { octets.free() }

    var memory: Int { octets.capacity }
    /// Whether enough fits for a fragment.
    var hasRoom: Bool { octets.room >= payload && payload > 0 && !isFinishing }
    var isOutstanding: Bool { base != highest }
    var isAllAcknowledged: Bool { isEndSent && base == highest }
    private var isRepeating: Bool { next != highest }
    private var hasNew: Bool {
        let unsent = octets.count - outstandingOctets
        return isFinishing ? !isEndSent : unsent >= payload || unsent > 0 && !isCorked
    }
    /// Whether it has something to send but no credit.
    var isStarved: Bool { payload > 0 && hasNew && highest == edge }

    // MARK: The application

    mutating func take(_ octets: UnsafeRawBufferPointer, more: Bool) -> Int {
        let taken = self.octets.append(octets)
        isCorked = more || taken < octets.count
        return taken
    }

    mutating func take(_ file: Int32, offset: Int64, count: Int) -> Int {
        let taken = octets.append(file, offset: offset, limit: count)
        isCorked = taken < count
        return taken
    }

    mutating func finish() { isFinishing = true }

    // MARK: Fragments

    /// The next fragment's payload: how long, and whether nothing follows. Nil when none may go.
    var fragment: (count: Int, isLast: Bool)? {
        if isRepeating { return (Int(lengths[Int(next & 15)]), isEndSent && next &+ 1 == highest) }
        guard payload > 0, hasNew, highest != edge else { return nil }
        let unsent = octets.count - outstandingOctets
        return (min(unsent, payload), isFinishing && unsent <= payload)
    }

    /// Its number.
    var number: UInt8 { next }

    func copyFragment(to buffer: UnsafeMutableRawBufferPointer) { octets.copy(from: sentOctets, to: buffer) }

    /// It is on its way.
    mutating func fragmentIsSent() {
        guard let fragment else { return }
        if !isRepeating {
            lengths[Int(next & 15)] = UInt16(truncatingIfNeeded: fragment.count)
            outstandingOctets += fragment.count
            highest &+= 1
            isEndSent = fragment.isLast
        }
        sentOctets += fragment.count
        next &+= 1
    }

    /// All that is outstanding is to be sent again.
    mutating func repeatAll() {
        next = base
        sentOctets = 0
    }

    /// What the header of any fragment says; whether that brings us on. Late ones say nothing new.
    mutating func acknowledge(_ acknowledgement: UInt8, credit: UInt8) -> Bool {
        guard acknowledgement &- base <= highest &- base else { return false }
        var isProgress = base != acknowledgement
        while base != acknowledgement {
            let length = Int(lengths[Int(base & 15)])
            octets.drop(length)
            outstandingOctets -= length
            if next == base { next &+= 1 } else { sentOctets -= length }
            base &+= 1
        }
        if acknowledgement &+ credit &- edge &- 1 < 127 {
            if highest == edge { isProgress = true }
            edge = acknowledgement &+ credit
        }
        return isProgress
    }
}
