import Testing
import System
@testable import OpenPGP

/// Data files of Tests/Fixtures, made by other programs.
func fixture(_ path: String, _ file: StaticString = #filePath) throws -> [UInt8] {
    var parts = "\(file)".split(separator: "/").map(String.init)
    parts.removeLast(2)
    return try Files.read("/" + parts.joined(separator: "/") + "/Fixtures/" + path, limit: 1 << 20)
}

/// The types of the packets of a message, or the error that ended it.
func types(_ message: [UInt8]) -> ([UInt8], PacketError?) {
    message.withUnsafeBytes { bytes in
        var reader = PacketReader(bytes), found: [UInt8] = []
        do throws(PacketError) {
            while let packet = try reader.next() { found.append(packet.type.rawValue) }
            return (found, nil)
        } catch { return (found, error) }
    }
}

@Suite struct PacketTests {
    @Test(arguments: [1, 191, 192, 8383, 8384, 70_000])
    func lengthsOfBothFormats(_ count: Int) {
        let body = [UInt8](repeating: 7, count: count)
        var modern: [UInt8] = [0xC0 | 13]
        if count < 192 { modern.append(UInt8(count)) }
        else if count < 8384 { modern += [UInt8((count - 192) >> 8 + 192), UInt8((count - 192) & 255)] }
        else { modern += [255, 0, UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)] }
        #expect(types(modern + body) == ([13], nil))
        #expect(types(modern + body.dropLast()) == ([], .truncated))
        #expect(types(modern + body + modern + body) == ([13, 13], nil))
        let legacy: [UInt8] = count < 256 ? [0x80 | 13 << 2, UInt8(count)]
            : count < 65536 ? [0x81 | 13 << 2, UInt8(count >> 8), UInt8(count & 255)]
            : [0x82 | 13 << 2, 0, UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)]
        #expect(types(legacy + body) == ([13], nil))
        #expect(types(legacy + body.dropLast()) == ([], .truncated))
    }

    @Test func partialLengthsAreJoined() throws {
        // Literal 'b', no name, date 0, then "abcdefgh" in chunks of 8, 2, 1 and 3 octets (the header is cut in two).
        let message: [UInt8] = [0xCB, 0xE2, 0x62, 0, 0, 0] + [0xE1, 0, 0] + [0xE0, 0x61] + [0xE1, 0x62, 0x63] + [5] + Array("defgh".utf8)
        let contents = try message.withUnsafeBytes { try LiteralData(ofMessage: $0).contents() }
        #expect(contents == Array("abcdefgh".utf8))
        #expect(types(message) == ([11], nil))
        #expect(types(message.dropLast()).1 == .truncated)
    }

    @Test func partialLengthsAreForDataOnly() {
        #expect(types([0xC1, 0xE1, 0, 0, 0]).1 == .badLength)
        #expect(types([0x80 | 1 << 2 | 3, 0, 0]).1 == .badLength)
        #expect(types([0x80 | 11 << 2 | 3, 0, 0]) == ([11], nil))
    }

    @Test func notPackets() {
        #expect(types(Array("-----BEGIN PGP MESSAGE-----".utf8)).1 == .notAPacket)
        #expect(types([0xC0, 0]).1 == .notAPacket)
        #expect(types([0x80, 0]).1 == .notAPacket)
        #expect(types([]) == ([], nil))
        #expect(types([0xCB]).1 == .truncated)
    }

    @Test func aWindowThatIsTooSmallSaysSo() throws {
        let message: [UInt8] = [0xCD, 100] + [UInt8](repeating: 1, count: 100)
        try message.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws in
            var reader = PacketReader(UnsafeRawBufferPointer(rebasing: bytes[0..<10]), total: 102)
            #expect(try reader.next()?.type == .userID)
            #expect(try reader.next() == nil)
            var cut = PacketReader(UnsafeRawBufferPointer(rebasing: bytes[0..<1]), total: 102)
            var error: PacketError?
            do throws(PacketError) { _ = try cut.next() } catch let thrown { error = thrown }
            #expect(error == .incomplete)
        }
    }
}

@Suite struct SessionKeyTests {
    private func recipient(_ body: [UInt8]) throws -> UInt64 {
        try ([0xC1, UInt8(body.count)] + body).withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws in
            var reader = PacketReader(bytes)
            return try PublicKeyEncryptedSessionKey(try #require(try reader.next())).recipient.rawValue
        }
    }

    @Test func keyIDs() throws {
        #expect(try recipient([3, 1, 2, 3, 4, 5, 6, 7, 8, 18, 0]) == 0x0102_0304_0506_0708)
        #expect(try recipient([6, 21, 4] + (1...20).map { UInt8($0) } + [25]) == 0x0d0e_0f10_1112_1314)
        #expect(try recipient([6, 33, 6] + (1...32).map { UInt8($0) } + [25]) == 0x0102_0304_0506_0708)
        #expect(try recipient([6, 0, 25]) == 0)
        #expect(throws: PacketError.unknownVersion) { try recipient([2, 1, 2, 3, 4, 5, 6, 7, 8]) }
        #expect(throws: PacketError.malformed) { try recipient([6, 20, 4] + [UInt8](repeating: 0, count: 30)) }
        #expect(throws: PacketError.malformed) { try recipient([3, 1, 2]) }
    }
}
