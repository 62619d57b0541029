import CLinux
import Content
import JSON
import OpenPGP
import System

/// A directory's complete listing, rendered once into a file in memory (memfd) and sent from there by sendfile: it is no
/// private memory of the process, and no connection has a copy.
///
/// `[{"path":"/p2p/<fingerprint>/<name>","size":N,"sum":"<sha256>"}, ...]`, oldest first, public files only. Every entry is
/// followed by one octet, the comma or the closing bracket, so that a page or "everything since" is one stretch of it.
final class Listing {
    let file: OpenFile
    let fingerprint: Fingerprint
    let generation: UInt64
    /// Octets of the whole.
    let count: Int64
    /// Nanoseconds since boot.
    let created: Int64
    var lastUsed: Int64
    /// Whether the directory has not changed since; cleared by the cache.
    var isCurrent = true

    private init(_ file: consuming FileDescriptor, _ directory: Directory, count: Int64, now: Int64) {
        self.file = OpenFile(file)
        fingerprint = directory.fingerprint
        generation = directory.generation
        self.count = count
        created = now
        lastUsed = now
    }

    /// Octets that one entry takes, the comma or bracket after it included.
    static func octets(_ name: UnsafeRawBufferPointer, _ entry: Entry) -> Int64 {
        var count = fixedOctets + name.count
        for octet in name where octet == 0x22 { count += 1 }
        var rest = entry.size
        repeat { count += 1; rest /= 10 } while rest > 0
        return Int64(count)
    }

    /// `{"path":"/p2p/` + 40 + `/` + name + `","size":` + size + `,"sum":"` + 64 + `"}` + `,`
    private static let fixedOctets = 14 + Fingerprint.digits + 1 + 9 + 8 + 64 + 2 + 1

    /// Octets that are written to the file at a time.
    private static let pieceSize = 8 << 10

    /// Renders a directory.
    static func render(_ directory: Directory, now: Int64) throws(SystemError) -> Listing {
        let file = FileDescriptor(owning: try check(maud_memory_file("listing"), "memfd_create"))
        let fingerprint = directory.fingerprint.hexadecimal
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pieceSize + 1024)
        var written: Int64 = 0
        bytes.append(0x5B)
        var failure: SystemError?
        directory.forEach { name, entry in
            guard entry.isPublic else { return true }
            if written + Int64(bytes.count) > 1 { bytes.append(0x2C) }
            append(name, entry, fingerprint, &bytes)
            guard bytes.count >= pieceSize else { return true }
            do throws(SystemError) { try file.writeAll(bytes) } catch {
                failure = error
                return false
            }
            written += Int64(bytes.count)
            bytes.removeAll(keepingCapacity: true)
            return true
        }
        if let failure { throw failure }
        bytes.append(0x5D)
        try file.writeAll(bytes)
        return Listing(file, directory, count: written + Int64(bytes.count), now: now)
    }

    private static func append(_ name: UnsafeRawBufferPointer, _ entry: Entry, _ fingerprint: [UInt8], _ bytes: inout [UInt8]) {
        bytes.append("{\"path\":\"/p2p/")
        bytes.append(contentsOf: fingerprint)
        bytes.append(0x2F)
        // Names hold no control characters and no backslash: only the quote needs an escape in JSON.
        for octet in name {
            if octet == 0x22 { bytes.append(0x5C) }
            bytes.append(octet)
        }
        bytes.append("\",\"size\":")
        bytes.append(decimal: entry.size)
        bytes.append(",\"sum\":\"")
        entry.sum.withBytes { bytes.append(hexadecimal: $0) }
        bytes.append("\"}")
    }
}

/// The rendered listings, by directory; at most `Bounds.listings` of at most `Bounds.listingOctets` together, those
/// that are outdated but still being sent included.
final class ListingCache {
    private var listings: [Listing] = []

    var count: Int { listings.count }

    /// The current listing of a directory, if it is rendered. An outdated one is let go: it lives on in the
    /// responses that are being sent from it.
    func find(_ directory: Directory, now: Int64) -> Listing? {
        for listing in listings where listing.isCurrent && listing.fingerprint == directory.fingerprint {
            if listing.generation == directory.generation {
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
