import CLinux
import Content
import HTTP
import OpenPGP
import System

/// A directory's listing, complete or a page of it.
extension Responder {
    func respond(withListingOf directory: Directory, _ head: RequestHead, _ octets: UnsafeRawBufferPointer) {
        let query: ListingQuery
        do throws(PathSegments.Defect) { query = try ListingQuery(head.query.octets(of: octets)) } catch { return respond(.badRequest) }
        var after: Cursor?
        if let text = query.after {
            guard let cursor = Cursor(text) else { return respond(.badRequest) }
            after = cursor
        }
        // A date that is none counts as absent (RFC 9110, section 13.1.3).
        let since = head.ifModifiedSince.count > 0 ? HTTPDate(head.ifModifiedSince.octets(of: octets), now: server.nearestDate) : nil
        guard directory.isSettled, let listing = server.listing(of: directory, for: server.viewer(of: stream)) else { return respond(.serviceUnavailable) }
        if since == nil, after == nil, query.limit == nil { return respond(with: listing) }
        respond(with: ListingSlice(directory, of: listing, since: since, after: after, limit: query.limit), of: listing, limit: query.limit)
    }

    /// Everything: one stretch, brackets included.
    private func respond(with listing: Listing) {
        var head = beginListing(listing.count)
        head.end()
        if isHead { return finish(head, Body()) }
        if listing.count <= Int64(inlineBody) {
            guard read(listing, 0, Int(listing.count), at: head.count) else { return close() }
            return finish(head, inlineCount: Int(listing.count), Body())
        }
        finish(head, Body(listing: listing, offset: 0, count: listing.count, last: nil))
    }

    /// A part: the opening bracket behind the head, the stretch, the closing bracket.
    private func respond(with slice: ListingSlice, of listing: Listing, limit: Int?) {
        var head = beginListing(slice.count + 2)
        if let next = slice.next, let limit { writeLink(&head, listing, next, limit) }
        head.end()
        guard !head.overflowed else { return close() }
        if isHead { return finish(head, Body()) }
        server.output[head.count] = 0x5B
        if slice.count + 2 > Int64(inlineBody) {
            return finish(head, inlineCount: 1, Body(listing: listing, offset: slice.offset, count: slice.count, last: 0x5D))
        }
        guard read(listing, slice.offset, Int(slice.count), at: head.count + 1) else { return close() }
        server.output[head.count + 1 + Int(slice.count)] = 0x5D
        finish(head, inlineCount: Int(slice.count) + 2, Body())
    }

    private func beginListing(_ count: Int64) -> ResponseHeadWriter {
        server.counters.count(.ok)
        var head = beginHead(.ok)
        head.field("Content-Type: application/json")
        head.contentLength(count)
        // A cache that answered "everything since" with what it kept of another answer would hide files.
        head.field("Cache-Control: no-store")
        return head
    }

    /// RFC 8288.
    private func writeLink(_ head: inout ResponseHeadWriter, _ listing: Listing, _ next: Cursor, _ limit: Int) {
        head.write("Link: </p2p/")
        listing.fingerprint.hexadecimal.withUnsafeBytes { head.write($0) }
        head.write("?limit=")
        head.write(decimal: Int64(limit))
        head.write("&after=")
        next.octets.withUnsafeBytes { head.write($0) }
        head.write(">; rel=\"next\"\r\n")
    }

    private func read(_ listing: Listing, _ offset: Int64, _ count: Int, at position: Int) -> Bool {
        let memory = UnsafeMutableRawBufferPointer(rebasing: server.output[position..<position + count])
        return count == 0 || maud_pread(listing.file.descriptor.rawValue, memory.baseAddress, count, offset) == count
    }
}

extension Server {
    /// The rendered listing of a directory for one viewer, as it is now; nil when there is no memory for it (logged and counted).
    ///
    /// When all room is taken by outdated listings that are still being sent, the oldest of those is given up: its
    /// receiver is slower than the directory changes.
    func listing(of directory: Directory, for viewer: Viewer) -> Listing? {
        if let listing = listings.find(directory, for: viewer, now: now) { return listing }
        let listing: Listing
        do throws(SystemError) { listing = try Listing(rendering: directory, for: viewer, now: now, buffer: output) } catch {
            var line = Log("listing-failed")
            line.field("reason", error.description)
            line.write()
            return nil
        }
        counters.listingsRendered += 1
        while !listings.add(listing) { guard abortSlowestListing() else { return nil } }
        if let deadline = listings.nextDeadline { arm(deadline) }
        return listing
    }
}
