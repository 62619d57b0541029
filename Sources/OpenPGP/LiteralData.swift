/// A literal data packet: the contents of a message, octet for octet (RFC 9580, section 5.9).
///
/// `gpg -d` drops carriage returns from literals in mode `u`; Mau files are octets whatever the mode says, so the contents
/// are taken from here.
public struct LiteralData {
    /// `b` binary, `t` text, `u` UTF-8 text; not trusted for anything.
    public let mode: UInt8
    /// The name that the sender gave; octets from outside, never a path.
    public let name: [UInt8]
    /// Seconds since 1970, 0 for none.
    public let date: UInt32
    private let body: PacketBody

    /// Reads the header; the contents stay where they are.
    public init(_ packet: Packet) throws(PacketError) {
        guard packet.type == .literalData else { throw .wrongType }
        var body = packet.body
        mode = try body.octet()
        var name: [UInt8] = []
        for _ in 0..<(try body.octet()) { name.append(try body.octet()) }
        self.name = name
        date = UInt32(try body.integer(4))
        self.body = body
    }

    /// Calls `body` with each piece of the contents in order, without copying: secrets go straight to locked memory.
    public func forEachPiece(_ use: (UnsafeRawBufferPointer) -> Void) throws(PacketError) {
        var rest = body
        while let piece = try rest.piece() { use(piece) }
    }

    /// The contents, copied.
    public func contents() throws(PacketError) -> [UInt8] {
        var out: [UInt8] = []
        if let count = body.knownCount { out.reserveCapacity(count) }
        try forEachPiece { out.append(contentsOf: $0) }
        return out
    }

    /// The first literal packet of a message that is neither encrypted nor compressed: signatures around it are skipped.
    /// This is what is left of a Mau file when GnuPG took the encryption off (`--unwrap`).
    public init(ofMessage message: UnsafeRawBufferPointer) throws(PacketError) {
        var reader = PacketReader(message)
        while let packet = try reader.next() {
            switch packet.type {
            case .literalData:
                try self.init(packet)
                return
            case .onePassSignature, .signature, .marker, .padding: continue
            default: throw .wrongType
            }
        }
        throw .truncated
    }
}
