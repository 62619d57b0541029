import OpenPGP
import Testing
@testable import TLS

/// The fingerprints are GnuPG's and the Go implementation's; the certificates in certs/ the latter made.
@Suite struct SigningKeyTests {
    @Test(arguments: ["alice", "carol", "gina", "leading-zero"])
    func fingerprintIsComputedFromTheKey(_ user: String) throws {
        #expect(try signingKey(user).fingerprint == fingerprint(user))
    }

    @Test(arguments: ["alice", "carol"])
    func goCertificatesGiveTheirFingerprints(_ user: String) {
        #expect(Fingerprint(ofCertificate: fixture("certs/ref-\(user).der")) == fingerprint(user))
    }

    /// Built by us, parsed by Mbed TLS: alice's differs from the Go implementation's in the end of its time only.
    @Test(arguments: ["alice", "carol", "gina", "leading-zero"])
    func ownCertificate(_ user: String) throws {
        let certificate = try #require(Certificate.make(try signingKey(user)))
        #expect(Fingerprint(ofCertificate: certificate) == fingerprint(user))
        #expect(Fingerprint(ofCertificate: Array(certificate.dropLast())) == nil)
    }

    @Test func nothingIsLeftOfARefusedKey() throws {
        let key = try SigningKey()
        #expect(!key.isSet && key.fingerprint == nil && Certificate.make(key) == nil)
        #expect { try fixture("secret/prot.gpg").withUnsafeBytes { try key.fill(fromExport: $0) } } throws: {
            if case .unreadable(.isProtected)? = $0 as? SigningKeyError { true } else { false }
        }
        #expect(!key.isSet)
    }

    /// Every octet of the packet matters: changed, the key is refused or has another fingerprint.
    @Test(arguments: ["alice", "carol"])
    func damagedKeys(_ user: String) throws {
        let export = fixture("secret/\(user).gpg")
        let length = user == "alice" ? 88 : 1800
        // But for the lowest bit of a count of bits: 262 bits take as many octets as 263.
        for position in stride(from: 0, to: length, by: user == "alice" ? 1 : 97) where position != 19 {
            var copy = export
            copy[position] ^= 1
            let key = try SigningKey()
            try? copy.withUnsafeBytes { try key.fill(fromExport: $0) }
            #expect(key.fingerprint != fingerprint(user), "octet \(position)")
            let cut = try SigningKey()
            try? export[..<position].withUnsafeBytes { try cut.fill(fromExport: $0) }
            #expect(!cut.isSet, "cut at \(position)")
        }
    }

    /// A public key that is not the seed's would give the seed away with the first signature.
    @Test func halvesThatDoNotBelongTogether() throws {
        var export = fixture("secret/leading-zero.gpg")
        export[30] ^= 1 // of the public key: the checksum covers the secret numbers only
        let key = try SigningKey()
        #expect { try export.withUnsafeBytes { try key.fill(fromExport: $0) } } throws: { if case .inconsistent? = $0 as? SigningKeyError { true } else { false } }
        #expect(!key.isSet)
    }

    @Test func times() {
        #expect(String(decoding: DER.time(1_795_251_905).dropFirst(2), as: UTF8.self) == "261121090505Z")
        #expect(String(decoding: DER.time(0).dropFirst(2), as: UTF8.self) == "700101000000Z")
        #expect(String(decoding: DER.time(951_782_400).dropFirst(2), as: UTF8.self) == "000229000000Z")
        #expect(DER.time(2_524_607_999)[0] == 0x17 && DER.time(2_524_608_000)[0] == 0x18)
        #expect(String(decoding: DER.time(4_294_967_295).dropFirst(2), as: UTF8.self) == "21060207062815Z")
    }
}
