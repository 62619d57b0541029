import Content
import HTTP
import System

/// Which stretch of a rendered listing answers a request for a part of it.
struct ListingSlice {
    /// Where it begins in the listing's file.
    private(set) var offset: Int64 = 1
    /// Octets up to the last entry's comma or bracket, which is not counted.
    private(set) var count: Int64 = 0
    /// Where the next page begins, when there is one.
    private(set) var next: Cursor?

    /// Looks at the entries asked for and at fewer than 200 others, however many there are.
    ///
    /// - Parameters:
    ///   - since: entries modified in this second or later (inclusive, as the Go peer does), or nil.
    ///   - after: entries after this place, or nil.
    ///   - limit: at most so many, the oldest of them, and those that are at the same place as the last; nil: all.
    init(_ directory: Directory, of listing: Listing, since: HTTPDate?, after: Cursor?, limit: Int?) {
        let earliest = since?.nanoseconds ?? .min
        func isWanted(_ cursor: Cursor) -> Bool {
            if cursor.modificationTime < earliest { return false }
            guard let after else { return true }
            return after < cursor
        }
        let mark = listing.mark(before: isWanted)
        if let mark { offset = mark.offset }
        var entries = 0, last: Cursor?
        directory.forEach(after: mark?.cursor) { name, entry in
            guard listing.viewer.sees(entry) else { return true }
            let octets = ListingRenderer.octets(name, entry), cursor = entry.cursor
            if !isWanted(cursor) {
                offset += octets
                return true
            }
            if let limit, let last, entries >= limit, last != cursor {
                next = last
                return false
            }
            count += octets
            entries += 1
            last = cursor
            return true
        }
        if entries > 0 { count -= 1 }
    }
}

extension HTTPDate {
    /// The beginning of the second, in nanoseconds since 1970; the nearest there is when it is centuries away.
    var nanoseconds: Int64 {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        return overflow ? (seconds < 0 ? .min : .max) : product
    }
}
