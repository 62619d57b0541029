import Testing
@testable import OpenPGP

/// What Python's zlib module made, as hexadecimal: `zlib.compressobj(level, zlib.DEFLATED, -15)`.
@Suite struct CompressedDataTests {
    private func head(_ octets: [UInt8], limit: Int) throws -> [UInt8] {
        try ([0xA3, 1] + octets).withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws in
            var reader = PacketReader(bytes)
            return try CompressedData.head(try #require(try reader.next()), limit: limit)
        }
    }
    private func octets(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal.utf8)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16) ?? 0 }
    }

    @Test func fixedCode() throws {
        #expect(try head(octets("cb4d2c4d51c8a52d0100"), limit: 1000) == Array(String(repeating: "maud ", count: 20).utf8))
        #expect(try head(octets("cb4d2c4d51c8a52d0100"), limit: 12) == Array("maud maud ma".utf8))
    }

    private let dynamic = "edd10d8ea3200040e1ab588d0efe548ba05282a3884cc68a6d448bad7aff736c37d95bacef062f9f655927db71bffc308698b0baedeed3db0671c6443f6d5e4278ffb4a3a219"
        + "de00d7c31a909fd9c542bb997cfab4b7d2d64495f6cb11943aa84d22f77c00f50b29c037a2931b10f6f77a35f984351a91c673b1d0ad7264a0e04cad367ce49b0847ea74686d"
        + "93a5399b267ec974bf114ff3cbae58b4f6ecbcdf6be499ae84eea2781ed94f2528f44fe6f1cb298e81b39971e86453b16b91a1145e924f1798a2acb8b2aa91dd309acd0131a6"
        + "fcf7614e3ea4427d9e72ae1617969df1507ddfcfac5f23a6f60bd71eb9eda97cc58d39374bd2aea873e8188a2d7f84ad4567a802e9541b5d8af9dfd4949bebfa6d0b704b34d9"
        + "3850e8558321df6562ea4097602c7d5d45a64dad9efa4f99b95a6077fe21c13ad418bc87a6f83cf59c24de36f5826531b0dfd3bd6b6b46308c43ffcb75ec93f5b783eaa03aa8"
        + "0eaa83eaa03aa80eaa83ea7fa5fa03"

    @Test func dynamicCode() throws {
        let plain = (0..<3000).map { UInt8(($0 * $0 / 7) % 61 + 32) }
        #expect(try head(octets(dynamic), limit: 10_000) == plain)
        #expect(try head(octets(dynamic), limit: 700) == Array(plain[..<700]))
    }

    @Test func damage() {
        #expect(throws: PacketError.malformed) { try head([7], limit: 10) }
        #expect(throws: PacketError.malformed) { try head([3], limit: 10) }
        #expect(throws: PacketError.malformed) { try head([1, 5, 0, 5, 0], limit: 10) }
    }
}
