/// The character classes of RFC 9110 (section 5.6.2), RFC 9112 and RFC 3986, on octets.
enum Characters {
    /// `tchar`: what a method or a field name is made of (RFC 9110, section 5.6.2).
    static func isToken(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    /// `field-vchar`, SP or HTAB: what a field value is made of. No other control character, so no bare CR and no NUL.
    static func isFieldValue(_ octet: UInt8) -> Bool { octet == 0x09 || (octet >= 0x20 && octet != 0x7F) }

    /// `pchar` without "%", "/" and "?" included: what a path and a query are made of (RFC 3986, sections 3.3 and 3.4).
    static func isPathOrQuery(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x24, 0x26...0x2F, 0x3A, 0x3B, 0x3D, 0x3F, 0x40, 0x5F, 0x7E: true
        default: false
        }
    }

    /// `uri-host` and port, without checking which: letters, digits, "-._~!$&'()*+,;=:[]%" (RFC 3986, section 3.2).
    static func isAuthority(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x24...0x2E, 0x3A, 0x3B, 0x3D, 0x5B, 0x5D, 0x5F, 0x7E: true
        default: false
        }
    }

    static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }

    static func lowercase(_ octet: UInt8) -> UInt8 { octet >= 0x41 && octet <= 0x5A ? octet | 0x20 : octet }

    /// A decimal number of 1 to 18 digits and nothing else, or nil.
    static func decimal(_ digits: UnsafeRawBufferPointer) -> Int64? {
        guard digits.count >= 1, digits.count <= 18 else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            value = value * 10 + Int64(digit - 0x30)
        }
        return value
    }
}

extension UnsafeRawBufferPointer {
    /// The part from `start` up to, not including, `end`.
    @inline(__always)
    func part(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[start..<end]) }

    /// Without blanks (SP, HTAB) at either end.
    var trimmed: UnsafeRawBufferPointer {
        var start = 0, end = count
        while start < end, Characters.isBlank(self[start]) { start += 1 }
        while end > start, Characters.isBlank(self[end - 1]) { end -= 1 }
        return part(start, end)
    }

    /// Whether these are the octets of a literal, letters in either case. The literal is lower case.
    @inline(never)
    func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in 0..<count where Characters.lowercase(self[index]) != literal.utf8Start[index] { return false }
        return true
    }

    /// Whether these begin with the octets of a literal, letters in either case. The literal is lower case.
    func startsIgnoringCase(_ literal: StaticString) -> Bool {
        count >= literal.utf8CodeUnitCount && part(0, literal.utf8CodeUnitCount).equalsIgnoringCase(literal)
    }
}
