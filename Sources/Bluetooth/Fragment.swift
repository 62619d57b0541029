/// One fragment: the value of one write or one notification (docs/bluetooth.md, section 2). One that exists is well-formed.
public struct Fragment {
    public enum Kind: UInt8, Sendable {
        case acknowledgement = 0, open = 1, question = 2, gap = 3, close = 4, data = 8, lastData = 10
    }

    public let kind: Kind
    /// How many data fragments from `acknowledgement` on the sender of this has room for.
    public let credit: UInt8
    /// Of this data fragment, or of the next one.
    public let number: UInt8
    /// The number that is expected next.
    public let acknowledgement: UInt8
    /// What stands behind the header, in the memory that was parsed.
    public let payload: UnsafeRawBufferPointer

    /// Octets of a header.
    public static let headerCount = 3
    /// The most octets of a fragment: two link-layer packets (2.3).
    public static let largest = 495
    /// What every link carries: ATT MTU 23.
    public static let smallest = 20
    /// The most credit there is.
    public static let mostCredit = 15

    /// Nil when the octets violate section 2.
    public init?(_ octets: UnsafeRawBufferPointer) {
        guard octets.count >= Fragment.headerCount, octets.count <= Fragment.largest, let kind = Kind(rawValue: octets[0] & 15) else { return nil }
        self.kind = kind
        credit = octets[0] >> 4
        number = octets[1]
        acknowledgement = octets[2]
        payload = UnsafeRawBufferPointer(rebasing: octets[Fragment.headerCount...])
        switch kind {
        case .acknowledgement, .question, .gap: guard payload.isEmpty else { return nil }
        case .data: guard !payload.isEmpty else { return nil }
        case .lastData: break
        // An open fragment is looked at by `Opening`; a later version's may be longer.
        case .open, .close: guard !payload.isEmpty else { return nil }
        }
    }

    /// Writes a header.
    static func writeHeader(_ kind: Kind, credit: UInt8, number: UInt8, acknowledgement: UInt8, to buffer: UnsafeMutableRawBufferPointer) {
        buffer[0] = kind.rawValue | credit << 4
        buffer[1] = number
        buffer[2] = acknowledgement
    }

    /// The size of fragments on a link with this ATT MTU: one or two whole link-layer packets where possible (2.3).
    public static func size(forMTU mtu: Int) -> Int {
        let value = mtu - 3
        return value >= largest ? largest : value >= 244 ? 244 : max(value, smallest)
    }
}

/// What an open fragment says.
public struct Opening: Equatable, Sendable {
    /// Chosen at random by the client; what tells one stream from the next.
    public let identifier: UInt32
    /// The most octets of a fragment that the sender takes, 20 or more.
    public let largestFragment: Int

    static let count = 7
    static let version: UInt8 = 1

    init(identifier: UInt32, largestFragment: Int) {
        self.identifier = identifier
        self.largestFragment = largestFragment
    }

    /// Throws the reason to close with.
    init(_ payload: UnsafeRawBufferPointer) throws(CloseReason) {
        guard payload[0] == Opening.version else { throw .version }
        guard payload.count == Opening.count else { throw .violation }
        largestFragment = Int(payload.loadUnaligned(fromByteOffset: 1, as: UInt16.self).littleEndian)
        identifier = payload.loadUnaligned(fromByteOffset: 3, as: UInt32.self).littleEndian
        guard largestFragment >= Fragment.smallest else { throw .violation }
    }

    func write(to buffer: UnsafeMutableRawBufferPointer) {
        buffer[0] = Opening.version
        buffer.storeBytes(of: UInt16(truncatingIfNeeded: largestFragment).littleEndian, toByteOffset: 1, as: UInt16.self)
        buffer.storeBytes(of: identifier.littleEndian, toByteOffset: 3, as: UInt32.self)
    }
}

/// Why a stream was closed (section 4): one octet, of which later versions may know more.
public struct CloseReason: Error, Equatable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let done = CloseReason(rawValue: 0)
    public static let noStream = CloseReason(rawValue: 1)
    public static let violation = CloseReason(rawValue: 2)
    public static let version = CloseReason(rawValue: 3)
    public static let timeOut = CloseReason(rawValue: 4)
    public static let busy = CloseReason(rawValue: 5)
    public static let stopping = CloseReason(rawValue: 6)
    public static let shared = CloseReason(rawValue: 7)

    /// Whether it answers an open fragment; the others are about a stream before it.
    public var refusesOpening: Bool { self == .version || self == .busy || self == .stopping || self == .shared }

    /// As a part of a sentence: "the node closed the stream: ...".
    public var explanation: StaticString {
        switch rawValue {
        case 0: "it needs the stream no more"
        case 1: "it knows no such stream"
        case 2: "the other side violated the protocol"
        case 3: "it speaks another version of the protocol"
        case 4: "nothing came from the other side for too long"
        case 5: "it has as many streams as it takes; try again later"
        case 6: "it stops"
        case 7: "another client connected, and its BlueZ cannot keep them apart"
        default: "for a reason that this version does not know"
        }
    }
}
