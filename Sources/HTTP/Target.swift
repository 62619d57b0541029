import System

/// The path of a target, segment by segment, each decoded once.
///
/// A segment that could mean something else further down is refused as malformed, however it is encoded: an encoded "/"
/// or NUL, "." and "..", and empty segments.
public struct PathSegments {
    private let path: UnsafeRawBufferPointer
    private var position: Int

    /// Why a path is refused.
    public enum Defect: Error, Equatable, Sendable { case malformed }

    /// - Parameter path: the percent-encoded path, beginning with "/". Must stay valid while this value is used.
    public init(_ path: UnsafeRawBufferPointer) {
        self.path = path
        position = 0
    }

    /// Whether there are no more segments.
    public var isAtEnd: Bool { position >= path.count }

    /// Decodes the next segment into `out`, at least as long as the path; returns its length, or nil after the last.
    public mutating func next(into out: UnsafeMutableRawBufferPointer) throws(Defect) -> Int? {
        guard position < path.count else { return nil }
        guard path[position] == 0x2F else { throw .malformed }
        position += 1
        var count = 0
        while position < path.count, path[position] != 0x2F {
            var octet = path[position]
            if octet == 0x25 {
                octet = try PathSegments.decoded(path, position)
                if octet == 0x2F || octet == 0 { throw .malformed }
                position += 2
            }
            out[count] = octet
            count += 1
            position += 1
        }
        if count == 0 || (count <= 2 && out[0] == 0x2E && out[count - 1] == 0x2E) { throw .malformed }
        return count
    }

    /// The octet that the percent-encoding at `position` stands for.
    static func decoded(_ text: UnsafeRawBufferPointer, _ position: Int) throws(Defect) -> UInt8 {
        guard text.count - position >= 3, let high = hexadecimalValue(text[position + 1]), let low = hexadecimalValue(text[position + 2]) else {
            throw .malformed
        }
        return high << 4 | low
    }
}

/// The query of a listing: `limit` and `after`, each at most once; parameters of other names mean nothing and are skipped.
public struct ListingQuery: Equatable, Sendable {
    /// 1...`Bounds.listingPage`, or nil: everything.
    public var limit: Int?
    /// Where the page begins, as the octets of the cursor.
    public var after: [UInt8]?

    /// Parses a query without its "?".
    public init(_ query: UnsafeRawBufferPointer) throws(PathSegments.Defect) {
        var start = 0
        while start < query.count {
            var end = start
            while end < query.count, query[end] != 0x26 { end += 1 }
            let parameter = query.part(start, end)
            if parameter.startsIgnoringCase("limit=") {
                guard limit == nil, let value = Characters.decimal(parameter.part(6, parameter.count)), value >= 1, value <= Int64(Bounds.listingPage) else {
                    throw .malformed
                }
                limit = Int(value)
            } else if parameter.startsIgnoringCase("after=") {
                guard after == nil else { throw .malformed }
                after = try ListingQuery.decode(parameter.part(6, parameter.count))
            }
            start = end + 1
        }
    }

    private static func decode(_ value: UnsafeRawBufferPointer) throws(PathSegments.Defect) -> [UInt8] {
        var out: [UInt8] = []
        var position = 0
        while position < value.count {
            if value[position] == 0x25 {
                out.append(try PathSegments.decoded(value, position))
                position += 3
            } else {
                out.append(value[position])
                position += 1
            }
        }
        return out
    }
}
