@testable import Commands
import OpenPGP
import System
import Testing
import Vocabulary

@Suite struct CommandTests {
    private func parse(_ text: String) -> Command? { try? Command(Array(text.utf8)) }
    private func text(_ change: (inout Wish) -> Void = { _ in }) -> String {
        var wish = Wish()
        change(&wish)
        return String(decoding: wish.text, as: UTF8.self)
    }

    @Test func everyMember() throws {
        let identifier = try #require(CommandIdentifier(hexadecimal: Array("00112233445566778899aabbccddeeff".utf8)))
        var wish = Wish(identifier: identifier, target: "heat", value: "21.5", start: 1_800_000_000.123, end: 1_800_000_010)
        wish.challenge = Array(0..<16)
        let command = try Command(wish.text)
        #expect(command.identifier == identifier)
        #expect(command.device == Sample.device)
        #expect(command.target == Array("heat".utf8))
        #expect(command.value == ActuatorValue(215, decimals: 1))
        #expect(command.startTime == 1_800_000_000_123)
        #expect(command.endTime == 1_800_000_010_000)
        #expect(command.challenge?.octets == Array(0..<16))
    }

    @Test func unknownMembersAreIgnored() {
        #expect(parse(text().replacingOccurrences("{\"@context\"", "{\"name\":\"x\",\"@context\"")) != nil)
    }

    @Test(arguments: [
        ("https://w3id.org/maud/1", "https://schema.org"), ("\"Command\"", "\"Answer\""), ("mau:0123", "mau:x123"), ("\"identifier\":\"", "\"identifier\":\"A"),
        ("\"startTime\":\"2", "\"startTime\":\"x"), ("Z\"", "+01:00\""), ("\"value\":1", "\"value\":\"1\""), ("\"value\":1", "\"value\":true"), ("#led", "#"), ("#led", "#-led"),
        ("#led", "/led"), ("#led", "#LED"), ("\"device\"", "\"devices\""), ("\"object\":{", "\"object\":[{"), ("{\"@context\"", "[{\"@context\""),
        ("\"propertyID\":\"mau:0", "\"propertyID\":\"mau:1"), ("\"startTime\"", "\"startTime\":\"2027-01-15T08:00:00.000Z\",\"startTime\""),
    ])
    func whatIsNone(_ from: String, _ to: String) {
        #expect(parse(text()) != nil)
        let changed = text().replacingOccurrences(from, to)
        #expect(changed != text())
        #expect(parse(changed) == nil, "\(changed)")
    }

    @Test func bounds() {
        let padding = String(repeating: " ", count: Bounds.commandDocument)
        #expect(parse(text() + padding) == nil)
        #expect(parse(text { $0.value = "1e300" })?.value == .some(nil))
        #expect(parse(text { $0.value = "0.0000000001" })?.value == .some(nil))
        #expect(parse(text { $0.value = "-0.5" })?.value == ActuatorValue(-5, decimals: 1))
        #expect(parse(text { $0.target = String(repeating: "a", count: 33) }) == nil)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-21T10:35:20.123Z", 1_795_257_320_123), ("2000-02-29T23:59:59.999999999Z", 951_868_799_999), ("9999-12-31T23:59:59.9Z", 253_402_300_799_900),
    ] as [(String, Int64)])
    func dates(_ text: String, _ expected: Int64) { #expect(milliseconds(ofDate: Array(text.utf8)) == expected) }

    @Test(arguments: [
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "1969-12-31T23:59:59Z", "", "Z", "2026-01-01T00:00:00,5Z",
    ])
    func noDates(_ text: String) { #expect(milliseconds(ofDate: Array(text.utf8)) == nil) }
}

extension String {
    func replacingOccurrences(_ from: String, _ to: String) -> String { split(separator: from, omittingEmptySubsequences: false).joined(separator: to) }
}
