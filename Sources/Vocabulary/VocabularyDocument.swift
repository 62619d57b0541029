import CVocabulary

/// What the node publishes as `vocabulary-1.json.pgp`: vocab/vocabulary-1.jsonld octet for octet. It carries the
/// context of all other documents, so a peer can interpret them without fetching anything.
public func vocabularyDocument() -> [UInt8] {
    Array(UnsafeBufferPointer(start: maud_vocabulary(), count: maud_vocabulary_size()))
}
