import Testing
import System

@Suite struct TextTests {
    @Test func decimalNumbers() {
        var out: [UInt8] = []
        out.append(decimal: 0); out.append(0x20)
        out.append(decimal: -42); out.append(0x20)
        out.append(decimal: Int64.min); out.append(0x20)
        out.append(decimal: 7, width: 12)
        #expect(out.text == "0 -42 -9223372036854775808 000000000007")
    }
    @Test func sameOctets() {
        #expect("abc".hasSameOctets(as: "abc"))
        #expect(!"abc".hasSameOctets(as: "abd"))
        #expect(!"abc".hasSameOctets(as: "ab"))
    }
    /// FIPS 180-4 example and the empty string.
    @Test func sha256() {
        #expect(SHA256Sum(of: Array("abc".utf8)).hexadecimal.text == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let empty = SHA256Sum(of: [])
        #expect(SHA256Sum(hexadecimal: empty.hexadecimal) == empty)
        #expect(SHA256Sum(hexadecimal: Array("zz".utf8)) == nil)
        #expect(SHA256Sum(hexadecimal: [UInt8](repeating: 0x67, count: 64)) == nil)
    }
}
