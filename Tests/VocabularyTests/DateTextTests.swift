import Foundation
import Testing
@testable import Vocabulary

@Suite struct DateTextTests {
    private func text(_ nanoseconds: Int64) -> String {
        var out: [UInt8] = []
        out.append(date: nanoseconds)
        return String(decoding: out, as: UTF8.self)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1970-01-01T00:00:00.000Z"), (999_999, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999_999_999, "2000-02-28T23:59:59.999Z"), (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
        (1_795_257_320_123_456_789, "2026-11-21T10:35:20.123Z"), (Int64.max, "2262-04-11T23:47:16.854Z"),
    ])
    func writesDates(_ nanoseconds: Int64, _ expected: String) { #expect(text(nanoseconds) == expected) }

    /// Foundation's calendar agrees on every day that can be written.
    @Test func agreesWithFoundationOnEveryDay() {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: "UTC")!
        for day in stride(from: 0, through: 106_751, by: 1) {
            let parts = calendar.dateComponents([.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
            let expected = String(format: "%04d-%02d-%02dT00:00:00.000Z", parts.year!, parts.month!, parts.day!)
            #expect(text(Int64(day) * 86_400 * 1_000_000_000) == expected)
        }
    }
}
