@testable import Board
import OpenPGP
@testable import Readings
import System
import Testing
import Vocabulary
@testable import Node

@Suite struct AudienceOfDocumentTests {
    static let name = BatchName(label: ChainLabel(sensor: "t"), sequence: 3)

    static func audience(_ audience: String, type: String = "ReadingBatch", chain: String = "t") -> Audience? {
        let text = "{\"@type\":\"\(type)\",\"chain\":\"\(chain)\",\"audience\":\(audience)}"
        return AudienceOfDocument.audience(Array(text.utf8), of: name)
    }

    @Test func readsWhatTheVocabularyWrites() {
        #expect(Self.audience(#"{"@type":"Audience","audienceType":"public"}"#) == .everyone)
        #expect(Self.audience(#"{"audienceType":"group","name":"viewers"}"#) == .group("viewers"))
        let friend = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
        #expect(Self.audience(#"{"audienceType":"fingerprints","identifier":["a62fd4d43e3fc83ec3bedef69c780921444be7d5"]}"#) == .fingerprints([friend]))
    }

    @Test func anotherDocumentIsNoBatchOfTheChain() {
        #expect(Self.audience(#"{"audienceType":"public"}"#, type: "Checkpoint") == nil)
        #expect(Self.audience(#"{"audienceType":"public"}"#, chain: "u") == nil)
    }

    @Test("the largest batch that there can be is read too") func largest() {
        let sensor = Sensor(name: "t", title: "T", property: "temperature", unitCode: "CEL", unitText: "°C", minimum: nil, maximum: nil, marginOfError: nil,
                            decimals: 9, source: .load(minutes: 1), isOptional: false, period: 1, batch: Bounds.batchSize, deadBand: 0,
                            audience: .group("viewers"), retention: .standard)
        let reading = Reading(result: .success(-9_223_372_036_854_775_807), time: 4_000_000_000 * nanosecondsPerSecond, sinceBoot: .max)
        let document = ReadingBatchDocument(fingerprint: Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!, sensor: sensor, chain: Array("t".utf8),
                                            sequence: 3, previous: SHA256Sum(of: []), bootID: Array(repeating: 0x61, count: 36), clock: .set)
            .octets(readings: Array(repeating: reading, count: Bounds.batchSize))
        #expect(document.count < Bounds.documentSize)
        #expect(AudienceOfDocument.audience(document, of: Self.name) == .group("viewers"))
    }

    @Test(arguments: ["", "{}", "[]", #"{"@type":"ReadingBatch","chain":"t","audience":1}"#, #"{"@type":"ReadingBatch","chain":"t","audience":{"audienceType":"x"}}"#,
                      #"{"@type":"ReadingBatch","chain":"t","audience":{"audienceType":"fingerprints","identifier":["zz"]}}"#])
    func othersHaveNone(_ text: String) { #expect(AudienceOfDocument.audience(Array(text.utf8), of: Self.name) == nil) }
}
