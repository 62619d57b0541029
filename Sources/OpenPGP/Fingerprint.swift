import System

/// The fingerprint of a version 4 OpenPGP key: 160 bits (RFC 9580, section 5.5.4.2). A user's name in the convention.
public struct Fingerprint: Equatable, Sendable {
    /// The 20 octets, most significant first.
    public let high: UInt64
    public let middle: UInt64
    public let low: UInt32

    public static let count = 20
    /// Digits of the hexadecimal form.
    public static let digits = 40

    init(high: UInt64, middle: UInt64, low: UInt32) {
        self.high = high
        self.middle = middle
        self.low = low
    }

    /// Parses exactly 40 hexadecimal digits of either case; anything else is nil.
    public init?(hexadecimal digits: some Collection<UInt8>) {
        guard digits.count == Fingerprint.digits else { return nil }
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        var index = 0
        for digit in digits {
            guard let value = hexadecimalValue(digit) else { return nil }
            switch index {
            case 0..<16: words.0 = words.0 << 4 | UInt64(value)
            case 16..<32: words.1 = words.1 << 4 | UInt64(value)
            default: words.2 = words.2 << 4 | UInt64(value)
            }
            index += 1
        }
        high = words.0
        middle = words.1
        low = UInt32(truncatingIfNeeded: words.2)
    }

    /// Parses 40 hexadecimal digits.
    public init?(_ text: String) { self.init(hexadecimal: Array(text.utf8)) }

    /// Takes 20 octets.
    public init?(octets: some Collection<UInt8>) {
        guard octets.count == Fingerprint.count else { return nil }
        var digits: [UInt8] = []
        for octet in octets {
            digits.append(hexadecimalDigit(octet >> 4))
            digits.append(hexadecimalDigit(octet & 15))
        }
        self.init(hexadecimal: digits)
    }

    /// The 20 octets.
    public var octets: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(Fingerprint.count)
        withUnsafeBytes(of: (high.bigEndian, middle.bigEndian)) { out.append(contentsOf: $0) }
        withUnsafeBytes(of: low.bigEndian) { out.append(contentsOf: $0) }
        return out
    }

    /// 40 lower-case hexadecimal digits, as the convention writes fingerprints.
    public var hexadecimal: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(Fingerprint.digits)
        withUnsafeBytes(of: (high.bigEndian, middle.bigEndian)) { out.append(hexadecimal: $0) }
        withUnsafeBytes(of: low.bigEndian) { out.append(hexadecimal: $0) }
        return out
    }

    /// The same as text.
    public var description: String { hexadecimal.text }

    /// The key id of the same key: the low 64 bits (RFC 9580, section 5.5.4.2).
    public var keyID: KeyID { KeyID(rawValue: middle << 32 | UInt64(low)) }
}

/// The 64-bit key id that names a recipient in a PKESK packet (RFC 9580, section 5.1). Zero hides the recipient.
public struct KeyID: Equatable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// The id of a hidden recipient: it names nobody.
    public static let hidden = KeyID(rawValue: 0)
}
