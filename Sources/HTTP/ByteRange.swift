/// What a `Range` field asks of a representation of a known size (RFC 9110, section 14.2).
public enum ByteRange: Equatable, Sendable {
    /// Everything: the field is malformed, names another unit, or asks for several ranges; a server may ignore all of these.
    case whole
    /// `count` > 0 octets from `offset` on, all inside the representation.
    case part(offset: Int64, count: Int64)
    /// Nothing of it lies inside: 416.
    case unsatisfiable

    /// Reads the value of a `Range` field. Numbers beyond 18 digits count as malformed.
    ///
    /// - Parameter size: octets of the representation, >= 0.
    public init(_ value: UnsafeRawBufferPointer, size: Int64) {
        self = .whole
        guard value.startsIgnoringCase("bytes=") else { return }
        let set = value.part(6, value.count).trimmed
        guard let dash = set.firstIndex(of: 0x2D) else { return }
        let first = set.part(0, dash), last = set.part(dash + 1, set.count)
        if first.isEmpty {
            // The last N octets. The empty representation has them all, and no way to say so in a Content-Range.
            guard let suffix = Characters.decimal(last) else { return }
            if suffix == 0 { self = .unsatisfiable } else if size > 0 {
                let count = min(suffix, size)
                self = .part(offset: size - count, count: count)
            }
            return
        }
        guard let offset = Characters.decimal(first) else { return }
        var end = Int64.max
        if !last.isEmpty {
            guard let position = Characters.decimal(last), position >= offset else { return }
            end = position
        }
        if offset >= size { self = .unsatisfiable } else { self = .part(offset: offset, count: min(end, size - 1) - offset + 1) }
    }
}
