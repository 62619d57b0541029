import CMbedTLS
import OpenPGP
import System
import Testing
@testable import Account

/// docs/claim.md, parts 2 and 3.
@Suite struct ClaimCodeTests {
    private let canonical = "01234-56789-ABCDE-FGHJK"

    private func octets(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal.utf8)
        return stride(from: 0, to: digits.count, by: 2).map { hexadecimalValue(digits[$0])! << 4 | hexadecimalValue(digits[$0 + 1])! }
    }

    /// The code as it is written in four groups.
    private func text(_ code: ClaimCode) -> String { String(code.uri(of: alice).text.dropFirst(51)) }
    private func read(_ text: String) -> String? { ClaimCode(Array(text.utf8)).map { self.text($0) } }

    @Test func aCodeIsReadAsPeopleWriteIt() {
        for text in [canonical, "0123456789ABCDEFGHJK", "01234-56789-abcde-fghjk", " 01234 56789-ABCDE--FGHJK ", "oI234-56789-ABCDE-FGHJK", "Ol234-56789-abcde-fghjk", "0L234-56789-ABCDE-FGHJK",
                     "0i234-56789-ABCDE-FGHJK", "O-1-2-3-4-5-6-7-8-9-A-B-C-D-E-F-G-H-J-K"] { #expect(read(text) == canonical, "\(text)") }
        #expect(read("MNPQRSTVWXYZmnpqrstvwxyz".dropLast(4).description) == "MNPQR-STVWX-YZMNP-QRSTV")
    }

    @Test func whatIsNoCode() {
        for text in ["", "-", "0123456789ABCDEFGHJ", "0123456789ABCDEFGHJKM", "U1234-56789-ABCDE-FGHJK", "u1234-56789-ABCDE-FGHJK", "01234-56789-ABCDE-FGHJ_", "01234-56789-ABCDE-FGHJ\u{0}",
                     "01234-56789-ABCDE-FGHJK\n", "０1234-56789-ABCDE-FGHJK", String(repeating: "-", count: 5000), String(repeating: "0", count: 5000)] { #expect(read(text) == nil, "\(text)") }
    }

    /// Each of the 32 digits at each of the 20 places: 100 bits.
    @Test func codesAreRandomInEveryBit() {
        var seen = [Set<UInt8>](repeating: [], count: 20), all: Set<[UInt8]> = []
        for _ in 0..<1000 {
            let text = text(ClaimCode())
            #expect(text.count == 23 && read(text) == text)
            all.insert(Array(text.utf8))
            for (place, digit) in text.utf8.filter({ $0 != 0x2D }).enumerated() { seen[place].insert(digit) }
        }
        #expect(all.count == 1000)
        for digits in seen { #expect(digits.count == 32 && digits == Set("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)) }
    }

    @Test func theURI() throws {
        let code = try #require(ClaimCode(Array(canonical.utf8))), uri = code.uri(of: alice)
        #expect(uri.text == "mau:\(alice.description)?claim=\(canonical)")
        #expect(ClaimCode.read(uri: uri)?.node == alice && ClaimCode.read(uri: uri).map { text($0.code) } == canonical)
        #expect(ClaimCode.read(uri: Array("MAU:\(alice.description.uppercased())?claim=0123456789abcdefghjk".utf8))?.node == alice)
        for bad in ["", "mau:", "mau:\(alice.description)", "mau:\(alice.description)?claim=", "mau:\(alice.description)?claim=\(canonical)0", "nau:\(alice.description)?claim=\(canonical)",
                    "mau:\(alice.description.dropLast())?claim=\(canonical)", "mau:\(alice.description)?clain=\(canonical)", "mau:\(alice.description)?claim=\(canonical)&x=1"] {
            #expect(ClaimCode.read(uri: Array(bad.utf8)) == nil, "\(bad)")
        }
    }

    // MARK: Proofs

    /// RFC 5869, appendix A: the three test cases for SHA-256.
    @Test func derivationAsInTheRFC() {
        let cases: [(secret: String, salt: String, info: String, out: String)] = [
            (String(repeating: "0b", count: 22), "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
            (run(0x00, 0x4F), run(0x60, 0xAF), run(0xB0, 0xFF), "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"),
            (String(repeating: "0b", count: 22), "", "", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
        ]
        for one in cases {
            let secret = octets(one.secret), salt = octets(one.salt), info = octets(one.info), expected = octets(one.out)
            var out = [UInt8](repeating: 0, count: expected.count)
            #expect(maud_hkdf_sha256(salt, salt.count, secret, secret.count, info, info.count, &out, out.count))
            #expect(out == expected)
        }
        var long = [UInt8](repeating: 0, count: 255 * 32 + 1)
        #expect(!maud_hkdf_sha256(nil, 0, [1], 1, nil, 0, &long, long.count))
    }

    private func run(_ first: UInt8, _ last: UInt8) -> String {
        (first...last).map { String(UnicodeScalar(hexadecimalDigit($0 >> 4))) + String(UnicodeScalar(hexadecimalDigit($0 & 15))) }.joined()
    }

    /// The vectors of docs/claim.md, 3.8, which another program computed.
    @Test func proofsAsOnThePage() throws {
        let code = try #require(ClaimCode(Array("01234-56789-abcde-fghjk".utf8)))
        let node = try #require(Fingerprint("0123456789abcdef0123456789abcdef01234567")), claimer = try #require(Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5"))
        let nonces = Array(UInt8(0x10)...0x2F)
        let first = code.proof(.claimer, claimer: claimer, node: node, nonces: nonces)
        #expect(first == octets("57992bbf323f2683887fe8475d116205806c6241cd1059d738af07b659c2a8cd"))
        #expect(code.proof(.node, claimer: claimer, node: node, nonces: nonces) == octets("0e90dc5f47bb5009072be1a34bfdc053a95013251ade8244dc5a6339fc97bf1d"))
        // Everything in it counts.
        let others = [code.proof(.claimer, claimer: node, node: claimer, nonces: nonces), code.proof(.claimer, claimer: claimer, node: claimer, nonces: nonces), code.proof(.node, claimer: claimer, node: node, nonces: nonces),
                      code.proof(.claimer, claimer: claimer, node: node, nonces: nonces.reversed()), ClaimCode().proof(.claimer, claimer: claimer, node: node, nonces: nonces)]
        for other in others { #expect(!ClaimCode.isSame(first, other)) }
        for place in first.indices {
            var changed = first
            changed[place] ^= 1
            #expect(!ClaimCode.isSame(first, changed))
        }
        #expect(ClaimCode.isSame(first, first))
        #expect(!ClaimCode.isSame(first, []) && !ClaimCode.isSame([], []) && !ClaimCode.isSame(first + [0], first + [0]), "nothing is no proof")
        #expect(code.proof(.claimer, claimer: claimer, node: node, nonces: []).isEmpty)
    }
}
