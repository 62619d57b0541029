import HTTP
import System

/// What a file's response is made from.
struct Representation {
    var size: Int64
    var modified: HTTPDate
    var sum: SHA256Sum
    /// A version: its address holds its hash, so it never changes.
    var isImmutable: Bool
    /// Anyone may see it: caches that serve many may keep it.
    var isPublic = true

    enum Answer: Equatable {
        case whole
        case part(offset: Int64, count: Int64)
        case notModified
        case preconditionFailed
        case unsatisfiable
    }

    /// What the conditional fields and `Range` of a GET or HEAD ask for, in the order of RFC 9110, section 13.2.2.
    ///
    /// A field that is malformed counts as absent, and so does `Range` in a HEAD request (RFC 9110, section 14.2).
    func answer(to head: RequestHead, _ octets: UnsafeRawBufferPointer, now: HTTPDate) -> Answer {
        if head.ifMatch.count > 0, let holds = EntityTag.list(head.ifMatch.octets(of: octets), holds: sum, weakly: false) {
            if !holds { return .preconditionFailed }
        } else if head.ifUnmodifiedSince.count > 0, let date = HTTPDate(head.ifUnmodifiedSince.octets(of: octets), now: now) {
            if modified.seconds > date.seconds { return .preconditionFailed }
        }
        if head.ifNoneMatch.count > 0 {
            if EntityTag.list(head.ifNoneMatch.octets(of: octets), holds: sum, weakly: true) == true { return .notModified }
        } else if head.ifModifiedSince.count > 0, let date = HTTPDate(head.ifModifiedSince.octets(of: octets), now: now) {
            if modified.seconds <= date.seconds { return .notModified }
        }
        guard head.method == .get, head.range.count > 0 else { return .whole }
        // A date in If-Range never matches: two versions may lie in one second, so it is a weak validator (section 13.1.5).
        if head.ifRange.count > 0, !EntityTag.equals(head.ifRange.octets(of: octets), sum) { return .whole }
        switch ByteRange(head.range.octets(of: octets), size: size) {
        case .whole: return .whole
        case .part(let offset, let count): return .part(offset: offset, count: count)
        case .unsatisfiable: return .unsatisfiable
        }
    }

    /// The fields that are the same in 200, 206 and 304.
    func writeValidators(_ head: inout ResponseHeadWriter) {
        head.entityTag(sum)
        head.field("Last-Modified: ", modified)
        switch (isImmutable, isPublic) {
        case (true, true): head.field("Cache-Control: public, max-age=31536000, immutable")
        case (true, false): head.field("Cache-Control: private, max-age=31536000, immutable")
        case (false, true): head.field("Cache-Control: no-cache")
        case (false, false): head.field("Cache-Control: private, no-cache")
        }
    }
}
