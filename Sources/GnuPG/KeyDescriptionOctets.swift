import OpenPGP
import System

/// A key's description as octets, so that the process that reads the secret key can hand it on through a pipe.
extension KeyDescription {
    /// Fingerprint (20), creation time (8), flags, signing subkey (20), numbers of present and of former key ids, the key ids (8 each), user id.
    public var octets: [UInt8] {
        var out = fingerprint.octets
        out.append(contentsOf: creationTime.octets)
        out.append((isExpired ? 1 : 0) | (isRevoked ? 2 : 0) | (isSecret ? 4 : 0) | (canPrimarySign ? 8 : 0) | (signingSubkey != nil ? 16 : 0))
        out.append(contentsOf: (signingSubkey ?? fingerprint).octets)
        out.append(UInt8(truncatingIfNeeded: encryptionKeyIDs.count))
        out.append(UInt8(truncatingIfNeeded: formerKeyIDs.count))
        for id in recipientKeyIDs { out.append(contentsOf: Int64(bitPattern: id.rawValue).octets) }
        out.append(contentsOf: userID)
        return out
    }
}

extension Fingerprint {
    /// The 20 octets, most significant first.
    public var octets: [UInt8] {
        Int64(bitPattern: high).octets + Int64(bitPattern: middle).octets + Int64(low).octets[4...]
    }
}

extension Int64 {
    /// Eight octets, most significant first.
    public var octets: [UInt8] {
        var out: [UInt8] = []
        for shift in stride(from: 56, through: 0, by: -8) { out.append(UInt8(truncatingIfNeeded: self >> Int64(shift))) }
        return out
    }

    /// Up to eight octets, most significant first.
    public init(octets: some Collection<UInt8>) {
        var value: Int64 = 0
        for octet in octets { value = value << 8 | Int64(octet) }
        self = value
    }
}
