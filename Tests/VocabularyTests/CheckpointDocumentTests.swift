import Board
import System
import Testing
import Vocabulary

@Suite struct CheckpointDocumentTests {
    @Test func forAGroup() throws {
        let checkpoint = CheckpointDocument(
            fingerprint: Examples.fingerprint, sensorName: "air", chain: Array("air".utf8), audience: .group("viewers"), removedThrough: 37,
            removedThroughSum: try #require(SHA256Sum(hexadecimal: Examples.previous.utf8)), modified: 1_795_257_600_000_000_000)
        #expect(try checkpoint.octets == Examples.octets("vocab/examples/checkpoint.json"))
    }

    /// docs/vocabulary.md, clause 4.4: no date when the clock is not set.
    @Test func withTheClockUnset() throws {
        let checkpoint = CheckpointDocument(
            fingerprint: Examples.fingerprint, sensorName: "temperature", chain: Array("temperature".utf8), audience: .everyone, removedThrough: 3600,
            removedThroughSum: try #require(SHA256Sum(hexadecimal: Examples.previous.utf8)), modified: nil)
        #expect(try checkpoint.octets == Examples.octets("vocab/examples/checkpoint-clock-unset.json"))
    }
}
