/// The secret key packet of a primary key (RFC 9580, section 5.5.3), version 4, not protected by a passphrase.
///
/// Holds pointers into the octets it was read from and copies none of them: the secret stays where it is.
public struct SecretKeyPacket {
    /// What the algorithm works with: numbers, most significant octet first, as they stand in the packet.
    public enum Material {
        /// EdDSALegacy with Curve25519Legacy (section 5.5.5.5). The seed has no leading zeros; the public key has 32 octets.
        case ed25519(seed: UnsafeRawBufferPointer, publicKey: UnsafeRawBufferPointer)
        case rsa(modulus: UnsafeRawBufferPointer, exponent: UnsafeRawBufferPointer, privateExponent: UnsafeRawBufferPointer,
                 firstPrime: UnsafeRawBufferPointer, secondPrime: UnsafeRawBufferPointer)
    }

    /// Seconds since 1970.
    public let creationTime: UInt32
    public let material: Material

    /// Reads the first packet of a secret key export, binary.
    public init(ofExport export: UnsafeRawBufferPointer) throws(SecretKeyError) {
        let octets: UnsafeRawBufferPointer
        do throws(PacketError) {
            var reader = PacketReader(export)
            guard let packet = try reader.next() else { throw .truncated }
            guard packet.type == .secretKey else { throw .wrongType }
            var body = packet.body
            guard let piece = try body.piece() else { throw .malformed }
            octets = piece
        } catch { throw .damaged(error) }
        try self.init(body: octets)
    }

    private init(body: UnsafeRawBufferPointer) throws(SecretKeyError) {
        var fields = Fields(octets: body)
        guard try fields.octet() == 4 else { throw .damaged(.unknownVersion) }
        creationTime = try fields.number()
        let algorithm = try fields.octet()
        switch algorithm {
        case 22: material = try SecretKeyPacket.ed25519(&fields)
        case 1, 3: material = try SecretKeyPacket.rsa(&fields)
        default: throw .unsupported(algorithm: algorithm)
        }
        guard fields.octets.isEmpty else { throw .damaged(.malformed) }
    }

    private static func ed25519(_ fields: inout Fields) throws(SecretKeyError) -> Material {
        // The curve: its length and its object identifier, 1.3.6.1.4.1.11591.15.1.
        for octet: UInt8 in [9, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01] {
            guard try fields.octet() == octet else { throw .unsupported(algorithm: 22) }
        }
        let point = try fields.integer()
        guard point.count == 33, point[0] == 0x40 else { throw .damaged(.malformed) }
        try fields.expectPlain(secretNumbers: 1)
        let seed = try fields.integer()
        guard seed.count <= 32 else { throw .damaged(.malformed) }
        try fields.skipChecksum()
        return .ed25519(seed: seed, publicKey: UnsafeRawBufferPointer(rebasing: point[1...]))
    }

    private static func rsa(_ fields: inout Fields) throws(SecretKeyError) -> Material {
        let modulus = try fields.integer(), exponent = try fields.integer()
        try fields.expectPlain(secretNumbers: 4)
        let privateExponent = try fields.integer(), first = try fields.integer(), second = try fields.integer()
        _ = try fields.integer() // the inverse of the first prime: computed again from what was checked
        try fields.skipChecksum()
        return .rsa(modulus: modulus, exponent: exponent, privateExponent: privateExponent, firstPrime: first, secondPrime: second)
    }

    /// The fields of a packet's body, in order.
    private struct Fields {
        var octets: UnsafeRawBufferPointer

        mutating func take(_ count: Int) throws(SecretKeyError) -> UnsafeRawBufferPointer {
            guard count <= octets.count else { throw .damaged(.malformed) }
            defer { octets = UnsafeRawBufferPointer(rebasing: octets[count...]) }
            return UnsafeRawBufferPointer(rebasing: octets[..<count])
        }

        mutating func octet() throws(SecretKeyError) -> UInt8 { try take(1)[0] }

        mutating func number() throws(SecretKeyError) -> UInt32 {
            var value: UInt32 = 0
            for octet in try take(4) { value = value << 8 | UInt32(octet) }
            return value
        }

        /// A multiprecision integer (section 3.2): its length in bits, then its octets.
        mutating func integer() throws(SecretKeyError) -> UnsafeRawBufferPointer {
            let length = try take(2)
            let bits = Int(length[0]) << 8 | Int(length[1])
            return try take((bits + 7) / 8)
        }

        /// Says no to a protected key, and checks the sum of the secret numbers that follow.
        mutating func expectPlain(secretNumbers count: Int) throws(SecretKeyError) {
            guard try octet() == 0 else { throw .isProtected }
            let start = self
            var rest = self
            for _ in 0..<count { _ = try rest.integer() }
            var sum: UInt16 = 0
            for octet in start.octets[..<(start.octets.count - rest.octets.count)] { sum &+= UInt16(octet) }
            let stored = try rest.take(2)
            guard sum == UInt16(stored[0]) << 8 | UInt16(stored[1]) else { throw .damaged(.malformed) }
        }

        mutating func skipChecksum() throws(SecretKeyError) { _ = try take(2) }
    }
}

/// Why a secret key cannot be read.
public enum SecretKeyError: Error {
    case damaged(PacketError)
    /// It has a passphrase of its own, or is not there at all (a stub for a smart card).
    case isProtected
    /// Neither Ed25519 nor RSA (RFC 9580, section 9.1).
    case unsupported(algorithm: UInt8)
}
