import Testing
@testable import Discovery

@Suite struct DiscoveryTests {
    @Test func aNameIsAFingerprintInEitherCaseOrNobodys() {
        let lower = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"
        #expect(Discovery.fingerprint(lower)?.description == lower)
        #expect(Discovery.fingerprint(lower.uppercased())?.description == lower)
        for other in ["", "a", String(lower.dropLast()), lower + "0", lower.dropLast() + "g", String(repeating: "a", count: 100_000), "\u{FF}" + lower] {
            #expect(Discovery.fingerprint(other) == nil)
        }
    }

    @Test func linkLocalAddressesCarryTheirInterface() {
        #expect(Discovery.address("fe80::1", 3, 80)?.description.text == "[fe80::1%3]:80")
        #expect(Discovery.address("2001:db8::1", 3, 80)?.description.text == "[2001:db8::1]:80")
        #expect(Discovery.address("192.0.2.1", 3, 80)?.description.text == "192.0.2.1:80")
        for bad in ["", "a b", "192.0.2.1/24", "::1\n"] { #expect(Discovery.address(bad, 3, 80) == nil) }
        #expect(Discovery.address("192.0.2.1", 3, 0) == nil)
    }
}
