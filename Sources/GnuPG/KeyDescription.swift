import CGPGME
import OpenPGP
import System

/// What is known of an OpenPGP key: enough to name it, to list it, and to choose what it is used for.
///
/// A class, although it never changes: it is handed on often, and copies of its arrays' references are code at every place.
public final class KeyDescription {
    public let fingerprint: Fingerprint
    /// The first user id, as octets (it comes from outside; write it escaped).
    public let userID: [UInt8]
    /// Seconds since 1970.
    public let creationTime: Int64
    public let isExpired: Bool
    /// When the next of it and its subkeys expires, in seconds since 1970; 0: none will. Then this description is out of date.
    public let nextExpiration: Int64
    public let isRevoked: Bool
    /// Secret packets are there.
    public let isSecret: Bool
    /// The primary key may sign data, not only keys.
    public let canPrimarySign: Bool
    /// Newest usable signing subkey.
    public let signingSubkey: Fingerprint?
    /// Key ids of the subkeys (and primary keys) that messages can be encrypted to.
    public let encryptionKeyIDs: [KeyID]
    /// Key ids of the subkeys that messages were encrypted to: they have expired or been revoked. Who holds the key still reads these messages.
    public let formerKeyIDs: [KeyID]

    /// Nil for keys that are not version 4 (their fingerprints are not 160 bits).
    init?(_ key: gpgme_key_t?) {
        guard let key, let digits = key.pointee.fpr, let fingerprint = Fingerprint(String(cString: digits)) else { return nil }
        self.fingerprint = fingerprint
        userID = key.pointee.uids?.pointee.uid.map { Array(String(cString: $0).utf8) } ?? []
        isExpired = key.pointee.expired != 0
        isRevoked = key.pointee.revoked != 0
        isSecret = key.pointee.secret != 0
        var subkey = key.pointee.subkeys
        creationTime = Int64(subkey?.pointee.timestamp ?? 0)
        canPrimarySign = (subkey?.pointee.can_sign ?? 0) != 0
        var next: Int64 = 0
        var signing: (time: Int, fingerprint: Fingerprint)?
        var encryption: [KeyID] = [], former: [KeyID] = []
        var isPrimary = true
        while let one = subkey?.pointee {
            subkey = one.next
            defer { isPrimary = false }
            guard let digits = one.fpr, let name = Fingerprint(String(cString: digits)) else { continue }
            guard one.revoked == 0, one.expired == 0 else {
                if one.can_encrypt != 0, former.count < Bounds.recipientsPerFile { former.append(name.keyID) }
                continue
            }
            if one.expires > 0, next == 0 || Int64(one.expires) < next { next = Int64(one.expires) }
            if one.can_encrypt != 0, encryption.count < Bounds.recipientsPerFile { encryption.append(name.keyID) }
            if one.can_sign != 0, !isPrimary, one.timestamp >= signing?.time ?? 0 { signing = (one.timestamp, name) }
        }
        signingSubkey = signing?.fingerprint
        encryptionKeyIDs = encryption
        formerKeyIDs = former
        nextExpiration = next
    }

    /// Reads what `octets` gave; nil for anything else.
    public init?(octets: [UInt8]) {
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

    /// Key ids by which files, old ones too, name this key as a recipient.
    public var recipientKeyIDs: [KeyID] { encryptionKeyIDs + formerKeyIDs }

    /// Whether both have, or had, an encryption key of the same key id.
    public func shares(_ other: KeyDescription) -> Bool {
        let ids = other.recipientKeyIDs
        return recipientKeyIDs.contains { ids.contains($0) }
    }

    /// Why nothing can be encrypted to this key; nil when something can.
    public var encryptionDefect: StaticString? {
        if isRevoked { return "was revoked" }
        if isExpired { return "has expired" }
        return encryptionKeyIDs.isEmpty ? "has no encryption subkey that can be used" : nil
    }

    /// The key that signs content: the primary key when it can (the Go implementation compares the primary
    /// fingerprint with the signing key's), else the newest signing subkey.
    public var signingKey: Fingerprint? { canPrimarySign ? fingerprint : signingSubkey }
}
