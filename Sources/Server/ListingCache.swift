import Content
import System

/// The rendered listings, by directory and viewer; at most `Bounds.listings` of at most `Bounds.listingOctets` together, those
/// that are outdated but still being sent included.
final class ListingCache {
    private var listings: [Listing] = []

    var count: Int { listings.count }

    /// The current listing of a directory for a viewer, if it is rendered. An outdated one is let go: it lives on in the
    /// responses that are being sent from it.
    func find(_ directory: Directory, for viewer: Viewer, now: Int64) -> Listing? {
        for listing in listings where listing.isCurrent && listing.fingerprint == directory.fingerprint && listing.viewer.fingerprint == viewer.fingerprint {
            if listing.generation == directory.generation, viewer.seesTheSame(as: listing.viewer) {
                listing.lastUsed = now
                return listing
            }
            listing.isCurrent = false
        }
        return nil
    }

    /// Keeps a listing. Returns false when there is no room for it even after letting go what nobody uses.
    func add(_ listing: Listing) -> Bool {
        removeUnused(before: .min)
        while !fits(listing) {
            // Current ones that are not being sent go before anything that is.
            guard let index = oldestUnsent() else { return false }
            listings.remove(at: index)
        }
        listings.append(listing)
        return true
    }

    /// Lets go what is outdated and not being sent, and what was not asked for in the last `Bounds.idleSeconds`.
    func removeUnused(before now: Int64) {
        var index = 0
        while index < listings.count {
            let isUnused = !listings[index].isCurrent || now >= expiry(listings[index])
            if isUnused && isKnownUniquelyReferenced(&listings[index]) { listings.remove(at: index) } else { index += 1 }
        }
    }

    /// When the next listing may be let go; nil when there is none.
    var nextDeadline: Int64? {
        var next: Int64?
        for listing in listings { next = min(next ?? .max, expiry(listing)) }
        return next
    }

    private func expiry(_ listing: Listing) -> Int64 { listing.lastUsed + Int64(Bounds.idleSeconds) * nanosecondsPerSecond }

    private func fits(_ listing: Listing) -> Bool {
        var octets = listing.count
        for other in listings { octets += other.count }
        return listings.count < Bounds.listings && octets <= Int64(Bounds.listingOctets)
    }

    private func oldestUnsent() -> Int? {
        var found: Int?
        for index in 0..<listings.count where isKnownUniquelyReferenced(&listings[index]) {
            if listings[index].lastUsed < found.map({ listings[$0].lastUsed }) ?? .max { found = index }
        }
        return found
    }
}
