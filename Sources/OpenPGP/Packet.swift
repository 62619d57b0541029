/// The type of a packet (RFC 9580, section 5).
public struct PacketType: Equatable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let publicKeyEncryptedSessionKey = PacketType(rawValue: 1)
    public static let signature = PacketType(rawValue: 2)
    public static let symmetricKeyEncryptedSessionKey = PacketType(rawValue: 3)
    public static let onePassSignature = PacketType(rawValue: 4)
    public static let secretKey = PacketType(rawValue: 5)
    public static let publicKey = PacketType(rawValue: 6)
    public static let secretSubkey = PacketType(rawValue: 7)
    public static let compressedData = PacketType(rawValue: 8)
    /// Encrypted without integrity protection: nobody may make it any more.
    public static let symmetricallyEncryptedData = PacketType(rawValue: 9)
    public static let marker = PacketType(rawValue: 10)
    public static let literalData = PacketType(rawValue: 11)
    public static let userID = PacketType(rawValue: 13)
    public static let publicSubkey = PacketType(rawValue: 14)
    /// Encrypted and integrity protected: version 1 (MDC) or 2 (AEAD).
    public static let encryptedAndProtectedData = PacketType(rawValue: 18)
    /// GnuPG's own AEAD packet (OCB), from a draft of RFC 9580.
    public static let gnupgEncryptedData = PacketType(rawValue: 20)
    public static let padding = PacketType(rawValue: 21)

    /// Whether the body is data: only such packets may have partial or indeterminate lengths (section 4.2.1.4).
    var isData: Bool {
        switch rawValue {
        case 8, 9, 11, 18, 20: true
        default: false
        }
    }
}

/// Why octets are not the packets that they should be.
public enum PacketError: Error {
    /// The first octet does not begin a packet (bit 7 clear, or type 0).
    case notAPacket
    /// A length points behind the end of the data.
    case truncated
    /// The window ends before the data does: read more and try again. Never thrown when the window is all.
    case incomplete
    /// A partial or indeterminate length where none is allowed.
    case badLength
    /// The body of a packet is shorter than its fields, or a field has a value it cannot have.
    case malformed
    /// A version of a packet that is not known here.
    case unknownVersion
    /// The packet is of another type than the caller asked for.
    case wrongType

    /// One clause for a person.
    public var description: StaticString {
        switch self {
        case .notAPacket: "is not binary OpenPGP"
        case .truncated: "is cut off"
        case .incomplete: "is longer than what was read of it"
        case .badLength: "has a packet with a length that its type does not allow"
        case .malformed: "has a damaged packet"
        case .unknownVersion: "has a packet of an unknown version"
        case .wrongType: "has a packet of an unexpected type"
        }
    }
}

/// One packet of a message: its type and where its body lies. Holds pointers into the reader's window.
public struct Packet {
    public let type: PacketType
    /// Octets before the packet.
    public let offset: Int
    /// A reader at the start of the body.
    public let body: PacketBody
}

/// Splits a message into packets (RFC 9580, section 4.2), both header formats, without copying anything.
///
/// Works on a window: the first octets of a message whose whole length is known. So a file of any size is looked at
/// through its first few KiB; what lies behind the window throws `PacketError.incomplete`. The memory of the window
/// stays the caller's and must outlive the reader and its packets.
public struct PacketReader {
    private let window: UnsafeRawBufferPointer
    private let total: Int
    private var previous: PacketBody?
    private var position = 0

    /// - Parameter total: octets of the whole message; the window's when left out.
    public init(_ window: UnsafeRawBufferPointer, total: Int? = nil) {
        self.window = window
        self.total = max(total ?? window.count, window.count)
    }

    /// The next packet, or nil at the end of the message. After an error the reader is not usable.
    public mutating func next() throws(PacketError) -> Packet? {
        if var body = previous { position = try body.skipToEnd() }
        previous = nil
        if position == total { return nil }
        let offset = position
        let first = try octet()
        guard first & 0x80 != 0 else { throw .notAPacket }
        let isLegacy = first & 0x40 == 0
        let type = PacketType(rawValue: isLegacy ? first >> 2 & 0x0F : first & 0x3F)
        guard type.rawValue != 0 else { throw .notAPacket }
        let body = isLegacy ? try legacyBody(first & 3, type) : try body(type)
        guard body.left <= total - body.position else { throw .truncated }
        previous = body
        return Packet(type: type, offset: offset, body: body)
    }

    /// A header of the OpenPGP format (section 4.2.1).
    private mutating func body(_ type: PacketType) throws(PacketError) -> PacketBody {
        let length = try PacketBody.length(window, total, &position)
        if length.isPartial, !type.isData { throw .badLength }
        return PacketBody(window: window, total: total, position: position, left: length.count, more: length.isPartial)
    }

    /// A header of the legacy format (section 4.2.2): one, two, four length octets, or up to the end.
    private mutating func legacyBody(_ lengthType: UInt8, _ type: PacketType) throws(PacketError) -> PacketBody {
        if lengthType == 3 {
            guard type.isData else { throw .badLength }
            return PacketBody(window: window, total: total, position: position, left: total - position, more: false)
        }
        var value: UInt32 = 0
        for _ in 0..<(1 << Int(lengthType)) { value = value << 8 | UInt32(try octet()) }
        guard let length = Int(exactly: value) else { throw .truncated }
        return PacketBody(window: window, total: total, position: position, left: length, more: false)
    }

    private mutating func octet() throws(PacketError) -> UInt8 {
        guard position < window.count else { throw position < total ? .incomplete : .truncated }
        defer { position += 1 }
        return window[position]
    }
}
