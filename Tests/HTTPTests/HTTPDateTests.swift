import Glibc
import HTTP
import System
import TestSupport
import Testing

private let now = HTTPDate(seconds: 1_767_225_600) // 1 January 2026

private func date(_ text: String, now: HTTPDate = now) -> Int64? { octets(text) { HTTPDate($0, now: now)?.seconds } }

private func written(_ seconds: Int64) -> String {
    var out = [UInt8](repeating: 0, count: HTTPDate.count)
    out.withUnsafeMutableBytes { HTTPDate(seconds: seconds).write(to: $0) }
    return out.text
}

@Suite struct HTTPDateTests {
    /// RFC 9110, section 5.6.7: the same moment in the three forms.
    @Test(arguments: ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
    func threeForms(_ text: String) { #expect(date(text) == 784_111_777) }

    @Test func theGoPeersBeginningOfTime() { #expect(date("Mon, 01 Jan 0001 00:00:00 GMT") == -62_135_596_800) }

    @Test func twoDigitYears() {
        #expect(date("Thursday, 01-Jan-76 00:00:00 GMT") == 3_345_062_400, "50 years ahead is still the future")
        #expect(date("Friday, 01-Jan-77 00:00:00 GMT") == 220_924_800, "more than 50 years ahead is the past")
    }

    @Test(arguments: ["", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 2024 00:00:00 GMT",
                      "Sun, 29 Feb 2100 00:00:00 GMT", "Sun, 00 Jan 2024 00:00:00 GMT", "Sun, 01 Foo 2024 00:00:00 GMT", "Sun, 01 Jan 2024 24:00:00 GMT",
                      "Sun, 01 Jan 2024 00:60:00 GMT", "Sun, 01 Jan 2024 00:00:61 GMT", "Xyz, 01 Jan 2024 00:00:00 GMT", "Sun, 01 Jan 2024 00:00:00 GMT ",
                      "Sun Nov  6 08:49:37 1994 GMT", "Sun, 01 Jan -024 00:00:00 GMT", "1994-11-06T08:49:37Z", "Sunday, 06 Nov 1994 08:49:37 GMT"])
    func refuses(_ text: String) { #expect(date(text) == nil) }

    @Test func aLeapSecondIsTheLastOfItsMinute() { #expect(date("Sat, 31 Dec 2016 23:59:60 GMT") == date("Sat, 31 Dec 2016 23:59:59 GMT")) }

    @Test func wholeSecondsRoundDown() {
        #expect(HTTPDate(nanoseconds: 1_999_999_999).seconds == 1)
        #expect(HTTPDate(nanoseconds: -1).seconds == -1)
        #expect(HTTPDate(nanoseconds: -1_000_000_000).seconds == -1)
    }

    /// Against libc's strftime, and back, from year 1 to 9999.
    @Test func agreesWithLibc() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<5000 {
            let seconds = Int64.random(in: -62_135_596_800...253_402_300_799, using: &generator)
            var time = time_t(seconds), broken = tm()
            gmtime_r(&time, &broken)
            var buffer = [CChar](repeating: 0, count: 64)
            // %Y has no leading zeros.
            let year = String(broken.tm_year + 1900)
            let count = strftime(&buffer, buffer.count, "%a, %d %b \(String(repeating: "0", count: 4 - year.count))%Y %H:%M:%S GMT", &broken)
            let expected = String(decoding: buffer[0..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            #expect(written(seconds) == expected)
            #expect(date(expected) == seconds)
        }
    }

    @Test func randomTextNeverTraps() {
        var generator = SeededGenerator(seed: 2)
        let alphabet = Array("SunMoaydFebNv ,:-0123456789GMT".utf8)
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...40, using: &generator)).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            _ = text.withUnsafeBytes { HTTPDate($0, now: now) }
        }
    }
}
