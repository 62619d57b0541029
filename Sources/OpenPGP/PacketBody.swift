/// Reads the body of a packet in order, joining partial body lengths (RFC 9580, section 4.2.1.4).
///
/// A value: a copy reads on its own. Holds pointers into the window that the packet was read from.
public struct PacketBody {
    let window: UnsafeRawBufferPointer
    let total: Int
    /// Where the next octet lies in the message.
    private(set) var position: Int
    /// Octets left of the present chunk.
    private(set) var left: Int
    /// Whether another chunk follows this one.
    private var more: Bool

    init(window: UnsafeRawBufferPointer, total: Int, position: Int, left: Int, more: Bool) {
        self.window = window
        self.total = total
        self.position = position
        self.left = left
        self.more = more
    }

    /// Octets left, when that is known without reading on: nil for a body in chunks.
    public var knownCount: Int? { more ? nil : left }

    /// A length of the OpenPGP format at `position`, which moves behind it (sections 4.2.1.1 to 4.2.1.4).
    static func length(_ window: UnsafeRawBufferPointer, _ total: Int, _ position: inout Int) throws(PacketError) -> (count: Int, isPartial: Bool) {
        func octet(_ position: inout Int) throws(PacketError) -> Int {
            guard position < window.count else { throw position < total ? .incomplete : .truncated }
            defer { position += 1 }
            return Int(window[position])
        }
        let first = try octet(&position)
        switch first {
        case 0..<192: return (first, false)
        case 192..<224: return ((first - 192) << 8 + (try octet(&position)) + 192, false)
        case 255:
            var count: UInt32 = 0
            for _ in 0..<4 { count = count << 8 | UInt32(try octet(&position)) }
            // More than an Int holds on a 32-bit machine is more than any message has.
            guard let count = Int(exactly: count) else { throw .truncated }
            return (count, false)
        default: return (1 << (first & 0x1F), true)
        }
    }

    /// Moves to the next chunk that has octets; false at the end of the body.
    private mutating func advance() throws(PacketError) -> Bool {
        while left == 0 {
            guard more else { return false }
            let length = try PacketBody.length(window, total, &position)
            guard length.count <= total - position else { throw .truncated }
            left = length.count
            more = length.isPartial
        }
        return true
    }

    /// The next octet; nil at the end of the body.
    public mutating func octetIfAny() throws(PacketError) -> UInt8? {
        guard try advance() else { return nil }
        guard position < window.count else { throw .incomplete }
        defer { position += 1; left -= 1 }
        return window[position]
    }

    /// The next octet; throws `malformed` at the end of the body.
    public mutating func octet() throws(PacketError) -> UInt8 {
        guard let octet = try octetIfAny() else { throw .malformed }
        return octet
    }

    /// The next `count` (1 to 8) octets as a number, most significant first.
    public mutating func integer(_ count: Int) throws(PacketError) -> UInt64 {
        var value: UInt64 = 0
        for _ in 0..<count { value = value << 8 | UInt64(try octet()) }
        return value
    }

    /// The next octets that lie together in the window; nil at the end of the body. Points into the window.
    public mutating func piece() throws(PacketError) -> UnsafeRawBufferPointer? {
        guard try advance() else { return nil }
        let count = min(left, window.count - position)
        guard count > 0 else { throw .incomplete }
        let piece = UnsafeRawBufferPointer(rebasing: window[position..<position + count])
        position += count
        left -= count
        return piece
    }

    /// Skips `count` octets; throws `malformed` when the body ends before.
    public mutating func skip(_ count: Int) throws(PacketError) {
        var rest = count
        while rest > 0 {
            guard try advance() else { throw .malformed }
            let step = min(rest, left)
            position += step
            left -= step
            rest -= step
        }
    }

    /// Skips the rest of the body and returns the position behind it. Only chunk lengths need to be in the window.
    mutating func skipToEnd() throws(PacketError) -> Int {
        repeat {
            position += left
            left = 0
        } while try advance()
        return position
    }
}
