/// A one-pass signature packet: it announces who signed what follows (RFC 9580, section 5.4).
public struct OnePassSignature {
    /// The class of the signature: 0 for a binary document, 1 for text.
    public let signatureClass: UInt8
    /// The signer's key id.
    public let issuer: KeyID

    /// Reads versions 3 and 6.
    public init(_ packet: Packet) throws(PacketError) {
        guard packet.type == .onePassSignature else { throw .wrongType }
        var body = packet.body
        let version = try body.octet()
        guard version == 3 || version == 6 else { throw .unknownVersion }
        signatureClass = try body.octet()
        try body.skip(2)
        // Version 6: a salt comes first, and the key id is the high half of the fingerprint.
        if version == 6 { try body.skip(Int(try body.octet())) }
        issuer = KeyID(rawValue: try body.integer(8))
    }
}

/// What a signature packet says about itself (RFC 9580, section 5.2.3). Nothing here is verified: that is GnuPG's.
public struct SignaturePacket {
    public let version: UInt8
    /// 0x00 binary document, 0x01 text, 0x10...0x13 certifications, 0x18 subkey binding.
    public let signatureClass: UInt8
    /// Seconds since 1970, from the hashed subpackets only; nil when there is none.
    public private(set) var creationTime: UInt32?
    /// The fingerprint of a version 4 issuer; hashed subpackets go before unhashed ones.
    public private(set) var issuerFingerprint: Fingerprint?
    /// The issuer's key id, from its own subpacket or from the fingerprint.
    public private(set) var issuer: KeyID?

    /// Reads versions 4 and 6.
    public init(_ packet: Packet) throws(PacketError) {
        guard packet.type == .signature else { throw .wrongType }
        var body = packet.body
        version = try body.octet()
        guard version == 4 || version == 6 else { throw .unknownVersion }
        signatureClass = try body.octet()
        try body.skip(2)
        for isHashed in [true, false] {
            guard let count = Int(exactly: try body.integer(version == 4 ? 2 : 4)) else { throw .malformed }
            try readSubpackets(&body, count: count, isHashed: isHashed)
        }
        if issuer == nil { issuer = issuerFingerprint?.keyID }
    }

    /// One subpacket area (section 5.2.3.7).
    private mutating func readSubpackets(_ body: inout PacketBody, count: Int, isHashed: Bool) throws(PacketError) {
        var rest = count
        while rest > 0 {
            let first = Int(try body.octet())
            var length = first, header = 1
            if first == 255 {
                guard let long = Int(exactly: try body.integer(4)) else { throw .malformed }
                length = long; header = 5
            } else if first >= 192 {
                length = (first - 192) << 8 + Int(try body.octet()) + 192; header = 2
            }
            guard length >= 1, length <= rest - header else { throw .malformed }
            rest -= header + length
            let before = body
            try readSubpacket(&body, count: length - 1, isHashed: isHashed)
            // Whatever was read of it: the next one lies behind all of this one.
            body = before
            try body.skip(length)
        }
    }

    private mutating func readSubpacket(_ body: inout PacketBody, count: Int, isHashed: Bool) throws(PacketError) {
        switch try body.octet() & 0x7F {
        case 2 where isHashed && count == 4: creationTime = UInt32(try body.integer(4))
        case 16 where count == 8 && issuer == nil: issuer = KeyID(rawValue: try body.integer(8))
        case 33 where count == 21 && issuerFingerprint == nil:
            guard try body.octet() == 4 else { return }
            let high = try body.integer(8), middle = try body.integer(8), low = try body.integer(4)
            issuerFingerprint = Fingerprint(high: high, middle: middle, low: UInt32(low))
        default: return
        }
    }
}
