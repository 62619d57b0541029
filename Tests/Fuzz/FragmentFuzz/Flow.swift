import Bluetooth

/// What both sides of a stream have granted each other, told from its fragments alone (docs/bluetooth.md, 2.4 to 2.7): neither may ever have more on its way.
struct Flow {
    /// What a fragment of the other side's is to the stream.
    enum Verdict {
        case nothing
        /// It keeps to what was granted.
        case fits
        case violates
    }

    private let isNode: Bool
    private var identifier: [UInt8]?
    /// Both sides know each other's first number.
    private var isOpen = false

    // What the stream sends: the oldest number that is not acknowledged, the next new one, the first that may not be sent.
    private var base: UInt8 = 0, next: UInt8 = 0, edge: UInt8 = 0
    /// The credit of the client's open; what came before our answer.
    private var openingCredit: UInt8 = 0
    private var early: [(acknowledgement: UInt8, credit: UInt8)] = []

    // What it takes: the number that it expects, the first that it has not granted.
    private var expected: UInt8 = 0, grantedEdge: UInt8 = 0
    private var hasEnded = false

    init(isNode: Bool) { self.isNode = isNode }

    /// The stream has sent a fragment.
    mutating func sends(_ fragment: Fragment) {
        switch fragment.kind {
        case .close: return
        case .open where !isNode:
            identifier = Array(fragment.payload[3..<7])
            (base, next, edge, openingCredit) = (fragment.number, fragment.number, fragment.number, fragment.credit)
            return
        case .open where isOpen: precondition(fragment.number == base, "an answer that came again does not say the first that is not acknowledged")
        case .open:
            isOpen = true
            (base, next, edge) = (fragment.number, fragment.number, fragment.number &+ openingCredit)
            for one in early { acknowledge(one.acknowledgement, one.credit) }
            early = []
        case .data, .lastData: sendsData(fragment.number)
        case .acknowledgement, .question, .gap: break
        }
        precondition(fragment.acknowledgement == expected, "it acknowledges what it has not taken, or not what it has")
        let edge = fragment.acknowledgement &+ fragment.credit
        precondition(hasEnded || edge &- grantedEdge < 128, "credit is taken back")
        grantedEdge = edge
    }

    private mutating func sendsData(_ number: UInt8) {
        precondition(isOpen, "data before both sides know each other")
        if number &- base < next &- base { return } // again
        precondition(number == next && next != edge, "more is on its way than the other side has granted")
        next &+= 1
        precondition(next &- base <= Fragment.mostCredit, "more is on its way than there is credit")
    }

    private mutating func acknowledge(_ acknowledgement: UInt8, _ credit: UInt8) {
        guard acknowledgement &- base <= next &- base else { return }
        base = acknowledgement
        let grown = acknowledgement &+ credit &- edge
        if grown < 128 { edge = edge &+ grown }
    }

    /// A fragment arrives. `isLive`: there is a stream that it may belong to, and it has not ended.
    mutating func arrives(_ fragment: Fragment, isLive: Bool) -> Verdict {
        if fragment.kind == .close { return .nothing }
        let opening = fragment.kind == .open ? Flow.identifier(fragment.payload) : nil
        if isNode, fragment.kind == .open {
            if let opening, opening != identifier { begins(opening, fragment) }
            return .nothing
        }
        guard isLive else { return .nothing }
        if !isNode, !isOpen {
            if let opening, opening == identifier, fragment.acknowledgement == base {
                isOpen = true
                (edge, expected, grantedEdge) = (base &+ fragment.credit, fragment.number, fragment.number &+ openingCredit)
            }
            return .nothing
        }
        if isOpen { acknowledge(fragment.acknowledgement, fragment.credit) } else { early.append((fragment.acknowledgement, fragment.credit)) }
        return fragment.kind == .data || fragment.kind == .lastData ? takes(fragment) : .fits
    }

    private mutating func begins(_ opening: [UInt8], _ fragment: Fragment) {
        (identifier, isOpen, early, openingCredit) = (opening, false, [], fragment.credit)
        (expected, grantedEdge, hasEnded) = (fragment.number, fragment.number, false)
    }

    private mutating func takes(_ fragment: Fragment) -> Verdict {
        let ahead = fragment.number &- expected
        if ahead >= 128 { return .fits } // it was taken already
        guard ahead < grantedEdge &- expected, !hasEnded else { return .violates }
        if ahead == 0 {
            expected &+= 1
            hasEnded = fragment.kind == .lastData
        }
        return .fits
    }

    /// Of an open that is valid.
    private static func identifier(_ payload: UnsafeRawBufferPointer) -> [UInt8]? {
        guard payload.count == 7, payload[0] == 1, Int(payload[1]) | Int(payload[2]) << 8 >= Fragment.smallest else { return nil }
        return Array(payload[3...])
    }
}
