import CVocabulary
import OpenPGP
import System

/// What the node publishes as `vocabulary-1.json.pgp`: vocab/vocabulary-1.jsonld octet for octet. It carries the
/// context of all other documents, so a peer can interpret them without fetching anything.
///
/// The program carries it deflated; the caller has the only copy of the text. Throws when the program itself is damaged.
public func vocabularyDocument() throws(PacketError) -> [UInt8] {
    try CompressedData.inflated(UnsafeRawBufferPointer(start: maud_vocabulary(), count: maud_vocabulary_size()), limit: Bounds.vocabulary)
}
