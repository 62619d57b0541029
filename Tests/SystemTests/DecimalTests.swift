import Testing
@testable import System

@Suite struct DecimalTests {
    private func decimal(_ text: String) -> Decimal? { Decimal(octets: Array(text.utf8)) }

    @Test(arguments: [
        ("0", 0, 0), ("-0.0", 0, 0), ("21.437", 21437, -3), ("+7", 7, 0), ("1e3", 1, 3), ("-12.50E-1", -125, -2),
        (".5", 5, -1), ("5.", 5, 0), ("007", 7, 0), ("123456789012345678", 123456789012345678, 0),
        ("1234567890123456789", 123456789012345678, 1), ("0.000000001", 1, -9), ("1e99999999999", 1, 9999),
    ])
    func parses(_ text: String, _ coefficient: Int64, _ exponent: Int) {
        #expect(decimal(text) == Decimal(coefficient, exponent: exponent))
    }

    @Test(arguments: ["", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", " 1", "1 ", "0x10", "nan", "inf", "1,5", "--1", "1\0"])
    func refuses(_ text: String) { #expect(decimal(text) == nil) }

    @Test(arguments: [(" \t\n21.5 C\n", 215 as Int64?), ("21.5", 215), ("21.5C", nil), ("", nil), ("   ", nil), ("t=3", nil), ("12\0", nil)])
    func takesTheFirstWord(_ text: String, _ tenths: Int64?) {
        let value = Array(text.utf8).withUnsafeBytes { Decimal(leading: $0) }
        #expect(value?.scaled(1) == tenths)
    }

    @Test(arguments: [
        ("0.0005", 3, 1 as Int64?), ("0.00049999", 3, 0), ("-0.0005", 3, -1), ("2.5", 0, 3), ("-2.5", 0, -3), ("1.4999999999999999", 0, 1),
        ("9223372036854775807", 0, 9223372036854775800), ("9.3e18", 0, nil), ("1e15", 9, nil), ("1e9999", 0, nil), ("1e-9999", 9, 0), ("0e9999", 9, 0),
    ])
    func scalesHalfAwayFromZero(_ text: String, _ decimals: Int, _ expected: Int64?) {
        #expect(decimal(text)?.scaled(decimals) == expected)
    }

    @Test func roundsUpAndDown() {
        #expect(decimal("0.0001")?.scaled(3, rounding: .up) == 1)
        #expect(decimal("0.0001")?.scaled(3, rounding: .down) == 0)
        #expect(decimal("-0.0001")?.scaled(3, rounding: .up) == 0)
        #expect(decimal("-0.0001")?.scaled(3, rounding: .down) == -1)
        #expect(decimal("1e-40")?.scaled(3, rounding: .up) == 1)
        #expect(decimal("0.125")?.scaled(3, rounding: .up) == 125)
    }

    @Test func multipliesAndAddsExactly() throws {
        let raw = try #require(decimal("-8388608")), scale = try #require(decimal("0.000061035156"))
        #expect(raw * scale == decimal("-511.999997902848"))
        #expect(raw + decimal("0.0000610351")! == decimal("-8388607.9999389649"))
        #expect(Decimal(123456789012345678) * Decimal(987654321098765432) == Decimal(1219326311370217943, exponent: 17))
        #expect(Decimal(1, exponent: 30) + Decimal(1, exponent: -30) == Decimal(1, exponent: 30))
        #expect(Decimal(Int64.max) + Decimal(Int64.max) == Decimal(1844674407370955160, exponent: 1))
        #expect(Decimal(-5) + Decimal(5) == .zero)
    }

    @Test func compares() throws {
        let ordered = ["-1e30", "-2", "-0.5", "-1e-30", "0", "1e-30", "0.1", "0.10000001", "1", "86400", "1e15", "1e9999"].compactMap(decimal)
        for (i, a) in ordered.enumerated() { for (j, b) in ordered.enumerated() { #expect(a.compare(b) == (i < j ? -1 : i > j ? 1 : 0)) } }
    }
}
