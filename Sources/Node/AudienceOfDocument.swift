import Board
import JSON
import OpenPGP
import Readings
import System

/// Reads back whom one of our own reading batches was for (docs/vocabulary.md): its chain continues only for the same audience.
enum AudienceOfDocument {
    /// Nil when it is no batch of that chain, or has no audience that we would write.
    static func audience(_ document: [UInt8], of name: BatchName) -> Audience? { (try? read(document, name)) ?? nil }

    private static func read(_ document: [UInt8], _ name: BatchName) throws(JSONError) -> Audience? {
        let top = try JSONDocument(document, limit: Bounds.documentSize).top.object()
        guard try top.required("@type").string().elementsEqual([UInt8]("ReadingBatch")),
              try top.required("chain").string().elementsEqual(name.label.octets) else { return nil }
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
