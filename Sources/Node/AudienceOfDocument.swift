import Board
import JSON
import OpenPGP
import Readings
import System

/// Reads back whom one of our own reading batches was for (docs/vocabulary.md): its chain continues only for the same audience.
enum AudienceOfDocument {
    /// The audience in `Audience.canonical` form; nil when the document has none that we would write.
    static func canonical(_ document: [UInt8]) -> [UInt8]? {
        guard let audience = try? read(document) else { return nil }
        return audience.canonical
    }

    private static func read(_ document: [UInt8]) throws(JSONError) -> Audience? {
        let top = try JSONDocument(document, limit: Bounds.documentSize).top.object()
        let audience = try top.required("audience").object()
        let type = try audience.required("audienceType").string()
        if type.elementsEqual([UInt8]("public")) { return .everyone }
        if type.elementsEqual([UInt8]("group")) { return .group(try audience.required("name").string().text) }
        guard type.elementsEqual([UInt8]("fingerprints")) else { return nil }
        let list = try audience.required("identifier").array(count: 0...Bounds.friends)
        var fingerprints: [Fingerprint] = []
        for index in 0..<list.count {
            guard let fingerprint = Fingerprint(hexadecimal: try list[index]?.string() ?? []) else { return nil }
            fingerprints.append(fingerprint)
        }
        return .fingerprints(fingerprints)
    }
}
