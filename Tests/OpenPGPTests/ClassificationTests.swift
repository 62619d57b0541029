import TestSupport
import Testing
import System
@testable import OpenPGP

private let gina = "gnupg24/gina/3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c/"
private let alice = "ref/alice/a62fd4d43e3fc83ec3bedef69c780921444be7d5/"
private let carol = "ref/carol/d954fcaae5ecce317b1a92dc2753a65a37372912/"

/// Encryption subkeys, as `gpg --list-packets` names them.
private let ids: (alice: UInt64, bob: UInt64, carol: UInt64, dave: UInt64, gina: UInt64) =
    (0x27A6_C363_47E3_FB7C, 0xDD95_957E_FB03_9233, 0xCFF3_EA4E_35D9_812D, 0xCB3F_3CAB_E766_E6D1, 0xA894_C403_A205_90F5)

private func classify(_ message: [UInt8], head: Int? = nil) -> Classification? {
    message.withUnsafeBytes {
        Classification.classify(UnsafeRawBufferPointer(rebasing: $0[..<min(head ?? $0.count, $0.count)]), size: $0.count)
    }
}

@Suite struct ClassificationTests {
    @Test(arguments: [
        (alice + "hello.json.pgp", [ids.alice, ids.bob]), (alice + "private.json.pgp", [ids.alice]),
        (alice + "group.json.pgp", [ids.alice, ids.bob, ids.carol, ids.dave]), (alice + "blob.bin.pgp", [ids.alice, ids.bob, ids.carol]),
        (carol + "hello.json.pgp", [ids.carol, ids.alice, ids.bob]), (gina + "group.json.pgp", [ids.gina, ids.alice, ids.carol]),
        (gina + "hidden-recipient.json.pgp", [0]), (gina + "ocb-tag20.json.pgp", [ids.gina, ids.alice]), (gina + "ocb-tag20-blob.bin.pgp", [ids.gina, ids.alice]),
    ])
    func encrypted(_ path: String, _ recipients: [UInt64]) throws {
        let message = try fixture(path)
        #expect(classify(message) == .encrypted(recipients: recipients.map { KeyID(rawValue: $0) }))
        #expect(classify(message, head: 4096) == classify(message))
    }

    @Test(arguments: ["public.json.pgp", "public-uncompressed.json.pgp"])
    func signedOnly(_ name: String) throws { #expect(classify(try fixture(gina + name)) == .public) }

    @Test func others() throws {
        #expect(classify(try fixture(gina + "BAD-armored.json.pgp")) == .other)
        #expect(classify(try fixture("plain/hello.json")) == .other)
        #expect(classify([]) == .other)
        // A literal without signature; a symmetric session key alone; a recipient and nothing encrypted.
        #expect(classify([0xCB, 6, 0x62, 0, 0, 0, 0, 0]) == .other)
        #expect(classify([0xC3, 4, 4, 9, 0, 8, 0xD2, 2, 1, 0]) == .other)
        #expect(classify([0xC1, 11, 3, 1, 2, 3, 4, 5, 6, 7, 8, 18, 0]) == .other)
        // A recipient before something that is not encrypted must not make it look private, nor public.
        #expect(classify([0xC1, 11, 3, 1, 2, 3, 4, 5, 6, 7, 8, 18, 0, 0xC4, 13, 3, 0, 8, 22] + [UInt8](repeating: 1, count: 9) + [0xCB, 6, 0x62, 0, 0, 0, 0, 0]) == .other)
    }

    @Test func aLongListOfRecipientsAsksForMoreAndIsBounded() throws {
        let key: [UInt8] = [0xC1, 0xC1, 0x4C, 3, 0, 0, 0, 0, 0, 0, 0, 9, 1] + [UInt8](repeating: 5, count: 514)
        var message: [UInt8] = []
        for _ in 0..<70 { message += key }
        message += [0xD2, 0xE9] + [UInt8](repeating: 1, count: 512) + [0]
        #expect(classify(message, head: 4096) == nil)
        #expect(classify(message, head: Classification.headLimit) == .encrypted(recipients: [KeyID](repeating: KeyID(rawValue: 9), count: Bounds.recipientsPerFile)))
    }

    @Test(arguments: [1, 2], ["hello", String(repeating: "abcabcabd", count: 500), ""])
    func gnuPGsCompression(_ algorithm: Int, _ text: String) throws {
        let plain = try fixture("plain/note.v3.json")
        #expect(plain.count > 0)
        // The heads of what zlib made are compared in CompressedDataTests; here the message grammar inside counts.
        let stored: (ArraySlice<UInt8>) -> [UInt8] = { [1, UInt8($0.count & 255), UInt8($0.count >> 8), ~UInt8($0.count & 255), ~UInt8($0.count >> 8)] + $0 }
        let inner: [UInt8] = [0xC4, 13, 3, 0, 8, 22] + [UInt8](repeating: 1, count: 8) + [1] + [0xCB, 0xFF, 0, 0, UInt8((6 + text.utf8.count) >> 8), UInt8((6 + text.utf8.count) & 255), 0x62, 0, 0, 0, 0, 0] + Array(text.utf8)
        let prefix: [UInt8] = algorithm == 2 ? [0xA3, 2, 0x78, 0x9C] : [0xA3, 1]
        #expect(classify(prefix + stored(inner[...])) == .public)
        #expect(classify(prefix + stored(inner.dropFirst(15))) == .other)
        #expect(classify(prefix + [7]) == .other)
    }
}

/// Reads everything that a parser offers from a message; the only wrong answer is a crash.
private func readAll(_ bytes: UnsafeRawBufferPointer, total: Int) {
    _ = Classification.classify(bytes, size: total)
    var reader = PacketReader(bytes, total: total)
    do throws(PacketError) {
        while let packet = try reader.next() {
            _ = try? PublicKeyEncryptedSessionKey(packet)
            _ = try? LiteralData(packet).contents()
        }
    } catch {}
}

@Suite struct PacketFuzzTests {
    @Test func mutatedFixturesNeverCrash() throws {
        let corpus = try ["public.json.pgp", "public-uncompressed.json.pgp", "hello.json.pgp", "group.json.pgp", "ocb-tag20.json.pgp", "hidden-recipient.json.pgp"].map { try fixture(gina + $0) }
            + [Array(fixture(alice + "blob.bin.pgp").prefix(2000)), fixture(alice + "group.json.pgp")]
        var random = SeededGenerator(seed: 0x6D61_7564)
        for round in 0..<200_000 {
            var message = corpus[round % corpus.count]
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let position = Int.random(in: 0..<min(message.count, round % 3 == 0 ? 40 : message.count), using: &random)
                switch UInt8.random(in: 0...4, using: &random) {
                case 0: message[position] = UInt8.random(in: 0...255, using: &random)
                case 1: message[position] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 2: message.remove(at: position)
                case 3: message.insert([0, 0xFF, 0xE0, 0xC0, 0x80].randomElement(using: &random) ?? 0, at: position)
                default: message.removeSubrange(max(position, 1)...)
                }
                if message.isEmpty { message = [0xFF] }
            }
            let total = round % 5 == 0 ? message.count + Int.random(in: 0...5000, using: &random) : message.count
            message.withUnsafeBytes { readAll($0, total: total) }
        }
    }
}
