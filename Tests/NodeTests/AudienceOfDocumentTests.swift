import Board
import Readings
import OpenPGP
import Testing
@testable import Node

@Suite struct AudienceOfDocumentTests {
    @Test func readsWhatTheVocabularyWrites() {
        #expect(AudienceOfDocument.canonical(Array(#"{"audience":{"@type":"Audience","audienceType":"public"}}"#.utf8)) == Audience.everyone.canonical)
        #expect(AudienceOfDocument.canonical(Array(#"{"audience":{"audienceType":"group","name":"viewers"}}"#.utf8)) == Audience.group("viewers").canonical)
        let friend = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
        let text = #"{"audience":{"audienceType":"fingerprints","identifier":["a62fd4d43e3fc83ec3bedef69c780921444be7d5"]}}"#
        #expect(AudienceOfDocument.canonical(Array(text.utf8)) == Audience.fingerprints([friend]).canonical)
    }
    @Test(arguments: ["", "{}", "[]", #"{"audience":1}"#, #"{"audience":{"audienceType":"x"}}"#, #"{"audience":{"audienceType":"fingerprints","identifier":["zz"]}}"#])
    func othersHaveNone(_ text: String) { #expect(AudienceOfDocument.canonical(Array(text.utf8)) == nil) }
}
