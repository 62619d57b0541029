import System

/// Comparison of entity tags (RFC 9110, section 8.8.3). Ours are strong and opaque: the SHA-256 of the file, in quotes.
public enum EntityTag {
    /// Octets of one of our entity tags, quotes included.
    public static let count = 66

    /// Whether a list of entity tags, the value of `If-None-Match` or `If-Match`, holds this one; "*" holds every one.
    ///
    /// - Parameter weakly: compare weakly, as `If-None-Match` does: a "W/" before a tag makes no difference. When
    ///   false a weak tag never matches, as `If-Match` asks (RFC 9110, section 8.8.3.2).
    /// - Returns: nil when the value is not a list of entity tags.
    public static func list(_ value: UnsafeRawBufferPointer, holds sum: SHA256Sum, weakly: Bool) -> Bool? {
        if value.count == 1, value[0] == 0x2A { return true }
        var position = 0, found = false, any = false
        while true {
            while position < value.count, value[position] == 0x2C || Characters.isBlank(value[position]) { position += 1 }
            if position == value.count { return any ? found : nil }
            var isWeak = false
            if value.count - position >= 2, value[position] == 0x57, value[position + 1] == 0x2F { isWeak = true; position += 2 }
            guard let end = closingQuote(value, position) else { return nil }
            if weakly || !isWeak, equals(value.part(position, end), sum) { found = true }
            any = true
            position = end
            while position < value.count, Characters.isBlank(value[position]) { position += 1 }
            if position < value.count, value[position] != 0x2C { return nil }
        }
    }

    /// Whether these octets are exactly the entity tag of a file with this sum.
    public static func equals(_ tag: UnsafeRawBufferPointer, _ sum: SHA256Sum) -> Bool {
        guard tag.count == count, tag[0] == 0x22, tag[count - 1] == 0x22 else { return false }
        return sum.withBytes { octets in
            for index in 0..<SHA256Sum.count {
                if tag[1 + 2 * index] != hexadecimalDigit(octets[index] >> 4) || tag[2 + 2 * index] != hexadecimalDigit(octets[index] & 15) { return false }
            }
            return true
        }
    }

    /// The position after the closing quote of the opaque tag that opens at `start`; nil when none does.
    private static func closingQuote(_ value: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        guard start < value.count, value[start] == 0x22 else { return nil }
        var position = start + 1
        while position < value.count {
            let octet = value[position]
            if octet == 0x22 { return position + 1 }
            if octet <= 0x20 || octet == 0x7F { return nil } // etagc
            position += 1
        }
        return nil
    }
}
