import Board
import Foundation
import OpenPGP
import System
import Testing
import Vocabulary

@Suite struct ReadingBatchDocumentTests {
    private let millisecond: Int64 = 1_000_000
    /// 2026-11-21T10:35:20.000Z
    private let start: Int64 = 1_795_257_320_000

    private func reading(_ sinceBoot: Int64, _ realtime: Int64, _ result: Result<Int64, Fault>, set: Bool = true) -> Reading {
        Reading(result: result, time: set ? (start + realtime) * millisecond : nil, sinceBoot: sinceBoot * millisecond)
    }

    /// docs/vocabulary.md, clause 3.3: the first batch of a chain has no previous one.
    @Test func theFirstBatchOfAPublicChain() throws {
        let sensor = Examples.sensor("temperature", title: "Simulated temperature", decimals: 3, minimum: -40_000, maximum: 85_000, marginOfError: 500, audience: .everyone)
        let batch = ReadingBatchDocument(
            fingerprint: Examples.fingerprint, sensor: sensor, chain: Array("temperature".utf8), sequence: 1, previous: nil, bootID: Examples.bootID, clock: .set)
        let octets = batch.octets(readings: [reading(41_207, 123, .success(21_437))])
        #expect(try octets == Examples.octets("vocab/examples/reading-batch-first.json"))
    }

    @Test func aBatchForAGroupWithAFault() throws {
        let sensor = Examples.sensor("air", title: "Air temperature", decimals: 2, minimum: -4000, maximum: 8500, marginOfError: 50, audience: .group("viewers"))
        let batch = ReadingBatchDocument(
            fingerprint: Examples.fingerprint, sensor: sensor, chain: Array("air".utf8), sequence: 42,
            previous: SHA256Sum(hexadecimal: Examples.previous.utf8), bootID: Examples.bootID, clock: .set)
        let octets = batch.octets(readings: [
            reading(3_641_200, 0, .success(-325)), reading(3_701_201, 60_001, .success(-5)),
            reading(3_761_202, 120_002, .failure(.timedOut)), reading(3_821_203, 180_003, .success(0)),
        ])
        #expect(try octets == Examples.octets("vocab/examples/reading-batch.json"))
    }

    /// Clause 3.6: with the clock unset there are no dates. Clause 1.6: a chain of a later audience has a tag.
    @Test func aBatchWithTheClockUnset() throws {
        let friend = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
        let sensor = Examples.sensor("soil", title: "Soil temperature", decimals: 1, minimum: -550, maximum: 1250, marginOfError: nil, audience: .fingerprints([friend]))
        let batch = ReadingBatchDocument(
            fingerprint: Examples.fingerprint, sensor: sensor, chain: Array("soil.1f3a9c20".utf8), sequence: 7,
            previous: SHA256Sum(hexadecimal: Examples.previous.utf8), bootID: Examples.bootID, clock: .unset)
        let octets = batch.octets(readings: [reading(12_000, 0, .failure(.sourceMissing), set: false), reading(22_001, 0, .success(42), set: false), reading(32_000, 0, .success(43), set: false)])
        #expect(try octets == Examples.octets("vocab/examples/reading-batch-clock-unset.json"))
    }

    /// Whatever the values, the result is JSON and says them exactly.
    @Test func extremesAreJSON() throws {
        let sensor = Examples.sensor("x", title: "\u{1}\"\\\n", decimals: 9, minimum: .min, maximum: .max, marginOfError: .max, audience: .group("a\"b"),
                                     property: "quantity", unitCode: "https://example.org/\"", unitText: "\t\u{7f}𓃠")
        let batch = ReadingBatchDocument(
            fingerprint: Examples.fingerprint, sensor: sensor, chain: Array("x".utf8), sequence: 999_999_999_999, previous: SHA256Sum(),
            bootID: Examples.bootID, clock: .set)
        let values: [Int64] = [.min, .max, 0, -1, 1, 1_000_000_000, -999_999_999]
        let octets = batch.octets(readings: values.map { Reading(result: .success($0), time: .max, sinceBoot: .max) })
        let parsed = try #require(try JSONSerialization.jsonObject(with: Data(octets)) as? [String: Any])
        #expect(parsed["unitText"] as? String == "\t\u{7f}𓃠")
        #expect(parsed["sequence"] as? Int64 == 999_999_999_999)
        #expect((parsed["readings"] as? [Any])?.count == values.count)
        let text = String(decoding: octets, as: UTF8.self)
        for exact in ["-9223372036.854775808", "9223372036.854775807", "-0.000000001", "-0.999999999", "\"value\":1}"] { #expect(text.contains(exact)) }
        #expect(octets.last == 0x0A)
    }

    /// Sixty readings with every member stay below 8 KiB.
    @Test func sixtyReadingsAreSmall() {
        let sensor = Examples.sensor("temperature", title: "", decimals: 3, minimum: -40_000, maximum: 85_000, marginOfError: 500, audience: .group("viewers"))
        let batch = ReadingBatchDocument(
            fingerprint: Examples.fingerprint, sensor: sensor, chain: Array("temperature".utf8), sequence: 42,
            previous: SHA256Sum(hexadecimal: Examples.previous.utf8), bootID: Examples.bootID, clock: .set)
        let readings = (0..<60).map { reading(8_640_000_001 + $0 * 1000, $0 * 1000, .success(-21_437)) }
        #expect(batch.octets(readings: readings).count < 8192)
    }

    /// Every fault has a term of the vocabulary of its own.
    @Test func faultsAreTerms() throws {
        let vocabulary = String(decoding: try vocabularyDocument(), as: UTF8.self)
        var code: UInt8 = 0
        while let fault = Fault(rawValue: code) {
            #expect(vocabulary.contains("{\"@id\":\"maud:\(fault.term)\",\"@type\":\"maud:Fault\""))
            code += 1
        }
        #expect(code == 7)
        #expect(vocabulary.components(separatedBy: "\"@type\":\"maud:Fault\"").count - 1 == 7)
    }
}
