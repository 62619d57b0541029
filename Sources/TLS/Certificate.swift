import OpenPGP
import System

/// The certificate of an identity (docs/tls.md): version 3 (RFC 5280), signed by the primary key that it is about, NotBefore the
/// key's creation time, so that whoever sees it can compute the fingerprint. Nothing in it is a claim that needs belief.
enum Certificate {
    /// The certificate in DER; nil when the key is not set or cannot sign.
    static func make(_ key: SigningKey) -> [UInt8]? {
        guard let fingerprint = key.fingerprint else { return nil }
        let publicKey = key.publicKey
        let algorithm = signatureAlgorithm(publicKey)
        var body = DER.element(0xA0, DER.integer([2])) // version 3
        body += DER.integer([1])
        body += algorithm
        body += DER.sequence([]) // no issuer
        body += DER.sequence(DER.time(key.creationTime) + DER.time(key.creationTime + 100 * 31_557_600))
        body += DER.sequence([]) // no subject
        body += subjectPublicKeyInfo(publicKey)
        body += DER.element(0xA3, DER.sequence(extensions(fingerprint)))
        body = DER.sequence(body)
        let signature = key.signature(ofCertificateBody: body)
        guard !signature.isEmpty else { return nil }
        return DER.sequence(body + algorithm + DER.bitString(signature))
    }

    private static func signatureAlgorithm(_ key: SigningKey.PublicKey) -> [UInt8] {
        switch key {
        case .ed25519: DER.sequence(ed25519)
        case .rsa: DER.sequence(DER.objectIdentifier([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B]) + DER.null) // sha256WithRSAEncryption
        }
    }

    private static var ed25519: [UInt8] { DER.objectIdentifier([0x2B, 0x65, 0x70]) } // RFC 8410

    private static func subjectPublicKeyInfo(_ key: SigningKey.PublicKey) -> [UInt8] {
        switch key {
        case .ed25519(let octets): DER.sequence(DER.sequence(ed25519) + DER.bitString(octets))
        case .rsa(let modulus, let exponent):
            DER.sequence(DER.sequence(DER.objectIdentifier([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]) + DER.null)
                + DER.bitString(DER.sequence(DER.integer(modulus) + DER.integer(exponent))))
        }
    }

    private static func extensions(_ fingerprint: Fingerprint) -> [UInt8] {
        // digitalSignature, keyEncipherment
        var all = criticalExtension([0x55, 0x1D, 0x0F], DER.element(0x03, [5, 0xA0]))
        // serverAuth, clientAuth
        let usage: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03]
        all += DER.sequence(DER.objectIdentifier([0x55, 0x1D, 0x25])
            + DER.octetString(DER.sequence(DER.objectIdentifier(usage + [1]) + DER.objectIdentifier(usage + [2]))))
        all += criticalExtension([0x55, 0x1D, 0x13], DER.sequence([])) // no certification authority
        // The Go implementation wants the fingerprint as a DNS name. Critical, as the subject is empty (RFC 5280, section 4.2.1.6).
        all += criticalExtension([0x55, 0x1D, 0x11], DER.sequence(DER.element(0x82, fingerprint.hexadecimal)))
        return all
    }

    private static func criticalExtension(_ identifier: [UInt8], _ value: [UInt8]) -> [UInt8] {
        DER.sequence(DER.objectIdentifier(identifier) + DER.element(0x01, [0xFF]) + DER.octetString(value))
    }
}

/// The few elements of DER (X.690) that a certificate is made of.
enum DER {
    @inline(never)
    static func element(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        var out = [tag]
        switch contents.count {
        case 0..<0x80: out.append(UInt8(contents.count))
        case 0x80..<0x100: out += [0x81, UInt8(contents.count)]
        default: out += [0x82, UInt8(truncatingIfNeeded: contents.count >> 8), UInt8(truncatingIfNeeded: contents.count)]
        }
        return out + contents
    }

    static func sequence(_ contents: [UInt8]) -> [UInt8] { element(0x30, contents) }
    static func objectIdentifier(_ octets: [UInt8]) -> [UInt8] { element(0x06, octets) }
    static func octetString(_ octets: [UInt8]) -> [UInt8] { element(0x04, octets) }
    static func bitString(_ octets: [UInt8]) -> [UInt8] { element(0x03, [0] + octets) }
    static var null: [UInt8] { [0x05, 0x00] }

    /// A positive number without leading zeros.
    static func integer(_ octets: [UInt8]) -> [UInt8] {
        element(0x02, (octets.first ?? 0) & 0x80 == 0 ? octets : [0] + octets)
    }

    /// Seconds since 1970: UTCTime up to 2049, then GeneralizedTime (RFC 5280, section 4.1.2.5).
    static func time(_ seconds: Int64) -> [UInt8] {
        // Days of the civil calendar: years begin in March, so that the leap day is the last.
        let days = seconds / 86_400 + 719_468, rest = seconds % 86_400
        let era = days / 146_097, ofEra = days % 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let dayOfYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        var text: [UInt8] = []
        text.append(decimal: UInt64(year < 2050 ? year % 100 : year), width: 2)
        for part in [month, day, rest / 3600, rest / 60 % 60, rest % 60] { text.append(decimal: UInt64(part), width: 2) }
        text.append(0x5A)
        return element(year < 2050 ? 0x17 : 0x18, text)
    }
}
