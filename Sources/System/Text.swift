/// Text as octets. Comparing Strings with == pulls Unicode normalisation tables (46 KB) into the firmware;
/// everything compared here is ASCII or opaque, so octets are exact and smaller.
extension String {
    /// Whether both are the same octets.
    @inline(never)
    public func hasSameOctets(as other: StaticString) -> Bool {
        let mine = utf8
        guard mine.count == other.utf8CodeUnitCount else { return false }
        var index = 0
        for octet in mine {
            if octet != other.utf8Start[index] { return false }
            index += 1
        }
        return true
    }
}

extension Array where Element == UInt8 {
    /// The octets of a literal.
    public init(_ text: StaticString) {
        self = Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the octets of a literal.
    @inline(never)
    public mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a decimal number.
    @inline(never)
    public mutating func append(decimal value: Int64) {
        if value < 0 { append(0x2D) }
        var rest = value.magnitude
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        Swift.withUnsafeMutableBytes(of: &digits) { buffer in
            var position = buffer.count
            repeat {
                position -= 1
                buffer[position] = UInt8(0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            append(contentsOf: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[position...]))
        }
    }

    /// Appends a decimal number with leading zeros up to `width` digits.
    @inline(never)
    public mutating func append(decimal value: UInt64, width: Int) {
        var digits = 1
        var rest = value / 10
        while rest > 0 { digits += 1; rest /= 10 }
        while digits < width { append(0x30); digits += 1 }
        append(decimal: Int64(bitPattern: value))
    }

    /// Appends the octets in lower-case hexadecimal.
    @inline(never)
    public mutating func append(hexadecimal octets: UnsafeRawBufferPointer) {
        for octet in octets {
            append(hexadecimalDigit(octet >> 4))
            append(hexadecimalDigit(octet & 15))
        }
    }

    /// The text of these octets; what is not UTF-8 becomes U+FFFD.
    public var text: String { String(decoding: self, as: UTF8.self) }
}

/// The lower-case hexadecimal digit of 0...15.
@inline(__always)
public func hexadecimalDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

/// The value of a hexadecimal digit of either case, or nil.
@inline(__always)
public func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    case 0x61...0x66: digit - 0x57
    default: nil
    }
}
