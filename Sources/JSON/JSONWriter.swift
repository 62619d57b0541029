import System

/// Writes JSON (RFC 8259) into octets: no tree, no whitespace, members in the order given. Its functions are called and not inlined: documents and `maud status` are
/// made of hundreds of these calls.
public struct JSONWriter {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    public init() {}

    @inline(never) public mutating func beginObject() { separate(); bytes.append(0x7B); needsComma = false }
    @inline(never) public mutating func endObject() { bytes.append(0x7D); needsComma = true }
    @inline(never) public mutating func beginArray() { separate(); bytes.append(0x5B); needsComma = false }
    @inline(never) public mutating func endArray() { bytes.append(0x5D); needsComma = true }

    /// The name of the next value.
    @inline(never) public mutating func key(_ name: StaticString) { separate(); quote(name); bytes.append(0x3A); needsComma = false }
    /// The name of the next value, from outside.
    public mutating func key(octets name: [UInt8]) { string(octets: name); bytes.append(0x3A); needsComma = false }

    /// A name and its value.
    @inline(never) public mutating func member(_ name: StaticString, _ value: Int64) { key(name); number(value) }
    @inline(never) public mutating func member(_ name: StaticString, _ value: Int) { key(name); number(Int64(value)) }
    @inline(never) public mutating func member(_ name: StaticString, _ value: StaticString) { key(name); string(value) }

    /// A literal without anything to escape.
    @inline(never) public mutating func string(_ text: StaticString) { separate(); quote(text); needsComma = true }
    public mutating func string(_ text: String) { string(octets: Array(text.utf8)) }
    /// UTF-8 octets, escaped where JSON asks for it.
    public mutating func string(octets: some Sequence<UInt8>) {
        separate()
        bytes.append(0x22)
        for octet in octets {
            switch octet {
            case 0x22, 0x5C: bytes.append(0x5C); bytes.append(octet)
            case 0x0A: bytes.append("\\n")
            case 0x0D: bytes.append("\\r")
            case 0x09: bytes.append("\\t")
            case 0...0x1F:
                bytes.append("\\u00")
                bytes.append(hexadecimalDigit(octet >> 4))
                bytes.append(hexadecimalDigit(octet & 15))
            default: bytes.append(octet)
            }
        }
        bytes.append(0x22)
        needsComma = true
    }
    @inline(never) public mutating func number(_ value: Int64) { separate(); bytes.append(decimal: value); needsComma = true }
    public mutating func number(_ value: Int) { number(Int64(value)) }
    /// A decimal fraction: `value` x 10^-`decimals`, without trailing zeros (21437 and 3: 21.437).
    public mutating func number(_ value: Int64, decimals: Int) { separate(); bytes.append(decimal: value, decimals: decimals); needsComma = true }
    @inline(never) public mutating func boolean(_ value: Bool) { separate(); bytes.append(value ? "true" : "false"); needsComma = true }
    @inline(never) public mutating func null() { separate(); bytes.append("null"); needsComma = true }
    /// A complete JSON value that was made elsewhere.
    public mutating func raw(_ json: [UInt8]) { separate(); bytes.append(contentsOf: json); needsComma = true }

    private mutating func separate() { if needsComma { bytes.append(0x2C) } }
    private mutating func quote(_ text: StaticString) { bytes.append(0x22); bytes.append(text); bytes.append(0x22) }
}

extension Array where Element == UInt8 {
    /// Appends `value` x 10^-`decimals` exactly, without trailing zeros.
    @inline(never)
    public mutating func append(decimal value: Int64, decimals: Int) {
        var value = value, decimals = decimals
        while decimals > 0, value % 10 == 0 { value /= 10; decimals -= 1 }
        if decimals == 0 { return append(decimal: value) }
        if value < 0 { append(0x2D) }
        var unit: UInt64 = 1
        for _ in 0..<decimals { unit *= 10 }
        append(decimal: Int64(value.magnitude / unit))
        append(0x2E)
        append(decimal: value.magnitude % unit, width: decimals)
    }
}
