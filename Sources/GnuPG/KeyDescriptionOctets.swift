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

    /// Reads what `octets` gave; nil for anything else.
    public init?(octets: some Collection<UInt8>) {
        let octets = Array(octets)
        guard octets.count >= 51, octets.count >= 51 + 8 * (Int(octets[49]) + Int(octets[50])), let fingerprint = Fingerprint(octets: octets[0..<20]),
              let subkey = Fingerprint(octets: octets[29..<49]) else { return nil }
        let flags = octets[28], present = Int(octets[49]), end = 51 + 8 * (present + Int(octets[50]))
        self.fingerprint = fingerprint
        creationTime = Int64(octets: octets[20..<28])
        isExpired = flags & 1 != 0
        isRevoked = flags & 2 != 0
        isSecret = flags & 4 != 0
        canPrimarySign = flags & 8 != 0
        signingSubkey = flags & 16 != 0 ? subkey : nil
        var ids: [KeyID] = []
        for start in stride(from: 51, to: end, by: 8) {
            ids.append(KeyID(rawValue: UInt64(bitPattern: Int64(octets: octets[start..<start + 8]))))
        }
        encryptionKeyIDs = Array(ids[..<present])
        formerKeyIDs = Array(ids[present...])
        nextExpiration = 0
        userID = Array(octets[end...])
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
