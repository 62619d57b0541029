import Foundation
import Testing
import Vocabulary

@Suite struct VocabularyDocumentTests {
    /// The program carries the file itself, octet for octet; a changed vocabulary needs Tests/Vocabulary/make_deflated.py.
    @Test func isTheFile() throws {
        #expect(try vocabularyDocument() == Examples.octets("vocab/vocabulary-1.jsonld"))
    }

    @Test func isJSONWithContextAndGraph() throws {
        let parsed = try JSONSerialization.jsonObject(with: Data(try vocabularyDocument())) as? [String: Any]
        #expect((parsed?["@context"] as? [String: Any])?["maud"] as? String == "https://w3id.org/maud/1#")
        #expect(((parsed?["@graph"] as? [Any])?.count ?? 0) > 50)
    }
}
