/// A decimal fraction, exact: `coefficient` x 10^`exponent`.
///
/// Sensor files, board.json and commands speak decimal; binary floating point would round 0.0005 before it is rounded
/// to the places that are published. At most 18 significant digits are kept; further ones are cut off, towards zero.
public struct Decimal: Equatable, Sendable {
    public let coefficient: Int64
    public let exponent: Int

    /// What becomes of the digits that `scaled` has no place for.
    public enum Rounding: Sendable {
        /// To the nearest; a half away from zero.
        case nearest
        /// To the next lower.
        case down
        /// To the next higher.
        case up
    }

    /// Trailing zeros go into the exponent, so that equal numbers are equal.
    public init(_ coefficient: Int64, exponent: Int = 0) {
        var coefficient = coefficient, exponent = exponent
        if coefficient == 0 { exponent = 0 }
        while coefficient != 0, coefficient % 10 == 0 { coefficient /= 10; exponent += 1 }
        self.coefficient = coefficient
        self.exponent = exponent
    }

    public static let zero = Decimal(0)
    public static let one = Decimal(1)

    /// Beyond this an exponent only says "huge" or "tiny".
    private static let exponentLimit = 9999

    /// Parses a number as JSON writes it, and with a leading `+`, leading zeros or no digit on one side of the point:
    /// `[+-]?(digits[.digits]|.digits)([eE][+-]?digits)?`. All of the octets must belong to it; anything else is nil.
    public init?(parsing text: UnsafeRawBufferPointer) {
        var scanner = DecimalScanner(text: text)
        guard let number = scanner.scan(), scanner.isAtEnd else { return nil }
        self = number
    }

    /// Parses the number that the text begins with, after white space; it must be followed by white space or the end.
    public init?(leading text: UnsafeRawBufferPointer) {
        var scanner = DecimalScanner(text: text)
        scanner.skipWhiteSpace()
        guard let number = scanner.scan(), scanner.isAtEnd || scanner.isAtWhiteSpace else { return nil }
        self = number
    }

    /// Parses octets that are in an array.
    public init?(octets: [UInt8]) {
        guard let number = octets.withUnsafeBytes({ Decimal(parsing: $0) }) else { return nil }
        self = number
    }

    fileprivate init(digits: UInt64, negative: Bool, exponent: Int) {
        let limited = max(-Decimal.exponentLimit, min(Decimal.exponentLimit, exponent))
        self.init(negative ? -Int64(digits) : Int64(digits), exponent: limited)
    }

    /// The number x 10^`decimals` as an integer, or nil when that needs more than 64 bits.
    public func scaled(_ decimals: Int, rounding: Rounding = .nearest) -> Int64? {
        if coefficient == 0 { return 0 }
        var shift = exponent + decimals
        var magnitude = coefficient.magnitude
        while shift > 0 {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            if overflow || product > UInt64(Int64.max) { return nil }
            magnitude = product
            shift -= 1
        }
        let negative = coefficient < 0
        if shift < 0 {
            let (quotient, rest, half) = divide(magnitude, byTenTo: -shift)
            let away = switch rounding {
            case .nearest: half
            case .down: rest && negative
            case .up: rest && !negative
            }
            magnitude = quotient + (away ? 1 : 0)
        }
        return negative ? -Int64(magnitude) : Int64(magnitude)
    }

    /// The quotient, whether something was cut off, and whether that was at least a half.
    private func divide(_ magnitude: UInt64, byTenTo power: Int) -> (UInt64, Bool, Bool) {
        if power > 19 { return (0, true, false) }
        var divisor: UInt64 = 1
        for _ in 0..<power { divisor *= 10 }
        let (quotient, rest) = magnitude.quotientAndRemainder(dividingBy: divisor)
        return (quotient, rest != 0, rest != 0 && rest >= divisor - rest)
    }

    /// Whether the number has no fraction.
    public var isInteger: Bool { exponent >= 0 }

    /// -1, 0 or 1 for less, equal, greater.
    public func compare(_ other: Decimal) -> Int {
        let a = coefficient.signum(), b = other.coefficient.signum()
        if a != b { return a < b ? -1 : 1 }
        if a == 0 { return 0 }
        let magnitudes = compareMagnitude(other)
        return a > 0 ? magnitudes : -magnitudes
    }

    private func compareMagnitude(_ other: Decimal) -> Int {
        if exponent < other.exponent { return -other.compareMagnitude(self) }
        var mine = coefficient.magnitude
        for _ in 0..<(exponent - other.exponent) {
            let (product, overflow) = mine.multipliedReportingOverflow(by: 10)
            if overflow { return 1 }
            mine = product
        }
        let others = other.coefficient.magnitude
        return mine < others ? -1 : mine > others ? 1 : 0
    }

    public static func < (a: Decimal, b: Decimal) -> Bool { a.compare(b) < 0 }

    /// The product: exact as long as it has at most 18 digits.
    public static func * (a: Decimal, b: Decimal) -> Decimal {
        var (high, low) = a.coefficient.magnitude.multipliedFullWidth(by: b.coefficient.magnitude)
        var exponent = a.exponent + b.exponent
        while high > 0 || low > UInt64(Int64.max) {
            // Two steps, because the quotient of one would not fit 64 bits.
            let rest = high % 10
            high /= 10
            low = (10 as UInt64).dividingFullWidth((rest, low)).quotient
            exponent += 1
        }
        return Decimal(digits: low, negative: (a.coefficient < 0) != (b.coefficient < 0), exponent: exponent)
    }

    /// The sum: exact as long as it has at most 18 digits.
    public static func + (a: Decimal, b: Decimal) -> Decimal {
        if a.exponent < b.exponent { return b + a }
        if a.coefficient == 0 { return b }
        if b.coefficient == 0 { return a }
        var large = a.coefficient, exponent = a.exponent
        while exponent > b.exponent {
            let (product, overflow) = large.multipliedReportingOverflow(by: 10)
            if overflow || product.magnitude > UInt64(Int64.max) / 2 { break }
            large = product
            exponent -= 1
        }
        var small = b.coefficient
        var gap = exponent - b.exponent
        while gap > 0, small != 0 { small /= 10; gap -= 1 }
        let (sum, overflow) = large.addingReportingOverflow(small)
        return overflow ? Decimal(large / 10 + small / 10, exponent: exponent + 1) : Decimal(sum, exponent: exponent)
    }
}

/// Reads a number off octets.
private struct DecimalScanner {
    let text: UnsafeRawBufferPointer
    var index = 0

    init(text: UnsafeRawBufferPointer) { self.text = text }

    var isAtEnd: Bool { index == text.count }
    var isAtWhiteSpace: Bool { index < text.count && isSpace(text[index]) }

    private func isSpace(_ octet: UInt8) -> Bool { octet == 0x20 || (0x09...0x0D).contains(octet) }
    mutating func skipWhiteSpace() { while isAtWhiteSpace { index += 1 } }

    private mutating func take(_ a: UInt8, _ b: UInt8) -> UInt8? {
        guard index < text.count, text[index] == a || text[index] == b else { return nil }
        index += 1
        return text[index - 1]
    }

    private mutating func digit() -> UInt64? {
        guard index < text.count, (0x30...0x39).contains(text[index]) else { return nil }
        index += 1
        return UInt64(text[index - 1] - 0x30)
    }

    mutating func scan() -> Decimal? {
        let negative = take(0x2B, 0x2D) == 0x2D
        var digits: UInt64 = 0
        var exponent = 0, seen = 0
        while let next = digit() {
            seen += 1
            if digits < 100_000_000_000_000_000 { digits = digits * 10 + next } else { exponent += 1 }
        }
        if take(0x2E, 0x2E) != nil {
            while let next = digit() {
                seen += 1
                if digits < 100_000_000_000_000_000 { digits = digits * 10 + next; exponent -= 1 }
            }
        }
        if seen == 0 { return nil }
        if take(0x45, 0x65) != nil {
            guard let power = scanExponent() else { return nil }
            exponent += power
        }
        return Decimal(digits: digits, negative: negative, exponent: exponent)
    }

    private mutating func scanExponent() -> Int? {
        let negative = take(0x2B, 0x2D) == 0x2D
        var value = 0, seen = false
        while let next = digit() {
            seen = true
            value = min(value * 10 + Int(next), 100_000)
        }
        return seen ? (negative ? -value : value) : nil
    }
}
