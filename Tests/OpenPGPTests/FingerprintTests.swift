import Testing
import OpenPGP

@Suite struct FingerprintTests {
    @Test func parsesBothCasesAndWritesLowerCase() throws {
        let fingerprint = try #require(Fingerprint("A62FD4D43E3FC83EC3BEDEF69C780921444be7d5"))
        #expect(fingerprint.description == "a62fd4d43e3fc83ec3bedef69c780921444be7d5")
        #expect(fingerprint.keyID.rawValue == 0x9c78_0921_444b_e7d5)
        #expect(Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d") == nil)
        #expect(Fingerprint("g62fd4d43e3fc83ec3bedef69c780921444be7d5") == nil)
        #expect(Fingerprint(octets: [0xa6, 0x2f, 0xd4, 0xd4, 0x3e, 0x3f, 0xc8, 0x3e, 0xc3, 0xbe, 0xde, 0xf6, 0x9c, 0x78, 0x09, 0x21, 0x44, 0x4b, 0xe7, 0xd5]) == fingerprint)
    }
}
