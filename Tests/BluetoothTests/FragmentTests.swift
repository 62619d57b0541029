@testable import Bluetooth
import OpenPGP
import Testing

/// The octets that stand in docs/bluetooth.md, 2.8 and 1.3.
func octets(_ hexadecimal: String) -> [UInt8] {
    hexadecimal.split(separator: " ").flatMap { word in
        stride(from: 0, to: word.count, by: 2).map { UInt8(word.dropFirst($0).prefix(2), radix: 16)! }
    }
}

/// Hands over a parsed fragment.
func parsed<R>(_ octets: [UInt8], _ body: (Fragment?) throws -> R) rethrows -> R { try octets.withUnsafeBytes { try body(Fragment($0)) } }

@Suite struct FragmentTests {
    @Test(arguments: [
        ("f1 fe 00 01 ef01 78563412", Fragment.Kind.open, 15, 0xFE, 0),
        ("81 07 fe 01 f400 78563412", .open, 8, 7, 0xFE),
        ("f8 fe 07 474554", .data, 15, 0xFE, 7),
        ("8a 07 ff 4f4b", .lastData, 8, 7, 0xFF),
        ("fa ff 08", .lastData, 15, 0xFF, 8),
        ("00 08 00", .acknowledgement, 0, 8, 0),
        ("02 08 ff", .question, 0, 8, 0xFF),
        ("83 08 ff", .gap, 8, 8, 0xFF),
        ("f4 00 08 00", .close, 15, 0, 8),
        ("04 00 00 03 01", .close, 0, 0, 0),
    ])
    func vectors(_ text: String, _ kind: Fragment.Kind, _ credit: UInt8, _ number: UInt8, _ acknowledgement: UInt8) {
        let expected = octets(text)
        parsed(expected) { fragment in
            #expect(fragment?.kind == kind && fragment?.credit == credit && fragment?.number == number && fragment?.acknowledgement == acknowledgement)
            #expect(fragment.map { Array($0.payload) } == Array(expected.dropFirst(3)))
        }
        var written = [UInt8](repeating: 0, count: 3)
        written.withUnsafeMutableBytes { Fragment.writeHeader(kind, credit: credit, number: number, acknowledgement: acknowledgement, to: $0) }
        #expect(written == Array(expected.prefix(3)))
    }

    @Test(arguments: ["", "80", "8000", "80 00 00 00", "02 00 00 00", "03 00 00 00", "08 00 00", "04 00 00", "01 00 00",
                      "05 00 00 00", "06 00 00 00", "07 00 00 00", "09 00 00 00", "0b 00 00 00", "0c 00 00 00", "0d 00 00 00", "0e 00 00 00", "0f 00 00 00"])
    func violations(_ text: String) { parsed(octets(text)) { #expect($0 == nil) } }

    @Test func longest() {
        parsed([8, 0, 0] + [UInt8](repeating: 0, count: 492)) { #expect($0 != nil) }
        parsed([8, 0, 0] + [UInt8](repeating: 0, count: 493)) { #expect($0 == nil) }
    }

    @Test func opening() throws {
        try parsed(octets("f1 fe 00 01 ef01 78563412")) { fragment in
            let opening = try Opening(#require(fragment).payload)
            #expect(opening == Opening(identifier: 0x1234_5678, largestFragment: 495))
            var written = [UInt8](repeating: 0, count: 7)
            written.withUnsafeMutableBytes { opening.write(to: $0) }
            #expect(written == octets("01 ef01 78563412"))
        }
    }

    @Test(arguments: [("01 00 00 02 ef01 78563412", CloseReason.version), ("01 00 00 02", .version), ("01 00 00 01 ef01 785634", .violation),
                      ("01 00 00 01 ef01 7856341200", .violation), ("01 00 00 01 1300 78563412", .violation)])
    func refusedOpenings(_ text: String, _ reason: CloseReason) throws {
        try parsed(octets(text)) { fragment in
            let payload = try #require(fragment).payload
            #expect(throws: reason) { try Opening(payload) }
        }
    }

    @Test(arguments: [(23, 20), (100, 97), (185, 182), (246, 243), (247, 244), (300, 244), (497, 244), (498, 495), (517, 495), (0, 20)])
    func sizes(_ mtu: Int, _ size: Int) { #expect(Fragment.size(forMTU: mtu) == size) }

    @Test func node() throws {
        let expected = octets("01 03 a62fd4d43e3fc83ec3bedef69c780921444be7d5 ef01 08 8300")
        let fingerprint = try #require(Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5"))
        let value = NodeValue(fingerprint: fingerprint, canBeClaimed: true, speaksTLS: true, channel: 0x83)
        #expect(value.octets == expected)
        #expect(expected.withUnsafeBytes { NodeValue($0) } == value)
        #expect((expected + [9, 9]).withUnsafeBytes { NodeValue($0) } == value)
        var plain = expected
        plain.replaceSubrange(1...1, with: [0xFC])
        plain.replaceSubrange(25...26, with: [0, 0])
        #expect(plain.withUnsafeBytes { NodeValue($0) } == NodeValue(fingerprint: fingerprint, canBeClaimed: false, speaksTLS: false, channel: nil))
    }

    /// Too short, another version, fragments too small, no credit, more than there is.
    @Test(arguments: [(26, -1, 0), (27, 0, 2), (27, 22, 19), (27, 24, 0), (27, 24, 16)])
    func wrongNodes(_ count: Int, _ offset: Int, _ value: UInt8) {
        var wrong = Array(octets("01 03 a62fd4d43e3fc83ec3bedef69c780921444be7d5 1400 08 8300").prefix(count))
        if offset >= 0 { wrong[offset] = value }
        #expect(wrong.withUnsafeBytes { NodeValue($0) } == nil)
    }
}
