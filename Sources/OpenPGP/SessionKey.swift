/// A public-key encrypted session key packet: who can open the message (RFC 9580, section 5.1).
public struct PublicKeyEncryptedSessionKey {
    /// The recipient's (sub)key; `KeyID.hidden` when the sender hid it.
    public let recipient: KeyID

    /// Reads version 3 (a key id) and version 6 (a key version and fingerprint).
    public init(_ packet: Packet) throws(PacketError) {
        guard packet.type == .publicKeyEncryptedSessionKey else { throw .wrongType }
        var body = packet.body
        switch try body.octet() {
        case 3: recipient = KeyID(rawValue: try body.integer(8))
        case 6: recipient = try PublicKeyEncryptedSessionKey.keyID(ofFingerprintIn: &body)
        default: throw .unknownVersion
        }
    }

    /// The key id of a fingerprint with its version before it: the low 64 bits of version 4, the high of version 6.
    private static func keyID(ofFingerprintIn body: inout PacketBody) throws(PacketError) -> KeyID {
        let count = Int(try body.octet())
        if count == 0 { return .hidden }
        let version = try body.octet()
        switch (version, count) {
        case (4, 21):
            try body.skip(12)
            return KeyID(rawValue: try body.integer(8))
        case (6, 33): return KeyID(rawValue: try body.integer(8))
        default: throw .malformed
        }
    }
}
