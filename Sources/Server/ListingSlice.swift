import Content
import HTTP
import System

/// Which stretch of a rendered listing answers a request for a part of it.
struct ListingSlice: Equatable {
    var offset: Int64 = 0
    /// Octets up to the last entry's comma or bracket, which is not counted.
    var count: Int64 = 0
    /// Where the next page begins, when there is one.
    var next: Cursor?

    /// Looks only at the entries asked for and those after them: for a peer that polls, the last few.
    ///
    /// - Parameters:
    ///   - since: entries modified in this second or later (inclusive, as the Go peer does), or nil.
    ///   - after: entries after this place, or nil.
    ///   - limit: at most so many, the oldest of them; nil: all.
    init(_ directory: Directory, of listing: Listing, since: HTTPDate?, after: Cursor?, limit: Int?) {
        var entries = 0, rest: Int64 = 0, last: Cursor?
        directory.forEach(after: after, since: since?.nanoseconds ?? .min) { name, entry in
            guard entry.isPublic else { return true }
            let octets = Listing.octets(name, entry)
            if entries < limit ?? .max {
                count += octets
                entries += 1
                last = entry.cursor
            } else { rest += octets }
            return true
        }
        offset = listing.count - rest - count
        if entries > 0 { count -= 1 }
        if rest > 0 { next = last }
    }
}

extension HTTPDate {
    /// The beginning of the second, in nanoseconds since 1970; the nearest there is when it is centuries away.
    var nanoseconds: Int64 {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        return overflow ? (seconds < 0 ? .min : .max) : product
    }
}
