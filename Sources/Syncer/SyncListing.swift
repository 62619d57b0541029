import Content
import HTTP
import OpenPGP
import Peer
import System

/// What a visit asks of a friend's listing, and takes from it.
extension SyncPass {
    func prepareListing(_ directory: Directory) {
        target = Array("/p2p/") + friend.fingerprint.hexadecimal + Array("?limit=")
        target.append(decimal: Int64(Bounds.syncEntries))
        // What is in an empty directory was not taken in, whatever was remembered.
        guard let since = friend.since, directory.totalCount > 0 else { return }
        ims = Array("If-Modified-Since: ")
        ims.append(contentsOf: [UInt8](unsafeUninitializedCapacity: HTTPDate.count) { buffer, count in
            HTTPDate(seconds: since).write(to: UnsafeMutableRawBufferPointer(buffer))
            count = HTTPDate.count
        })
        ims.append("\r\n")
    }

    func list() {
        pages += 1
        guard pages <= Bounds.syncPages else { return end(.pages) }
        // What an answer that broke off had brought comes again.
        queue = EntryQueue()
        let asked = syncer.clock.state == .set ? syncer.clock.now / nanosecondsPerSecond : nil
        get(target, fields: ims, ListingReception(self, asked: asked))
    }

    /// An entry of the listing.
    func take(_ event: ListingParser.Event) {
        switch event {
        case .refused(let defect, let path): refuseEntry(path, SHA256Sum(of: path), .entry(defect))
        case .file(let file):
            // Versions are asked for by their hash, when someone wants one.
            guard file.version == nil else { return }
            guard file.fingerprint == friend.fingerprint else {
                return refuseEntry(file.name.octets, SHA256Sum(of: file.fingerprint.octets + file.name.octets), .otherUser)
            }
            if directory?.knownSum(of: file.name) == file.sum || friend.isRefused(file.sum, file.size) { return }
            guard file.size <= Int64(Bounds.fileSize) else { return refuse(file.name.octets, file.sum, file.size, .tooLarge) }
            if queue.isFull { isTruncated = true } else { queue.append(file) }
        }
    }

    /// What is no file of the friend's stands in each of its listings: it is counted and named once.
    private func refuseEntry(_ name: [UInt8], _ sum: SHA256Sum, _ refusal: Refusal) {
        if !friend.isRefused(sum, 0) { refuse(name, sum, 0, refusal) }
    }

    /// The head of a listing: when it was made, and where it goes on.
    func listingBegins(_ head: ResponseHead, asked: Int64?) -> PassFailure? {
        isTruncated = false
        hadProgress = false
        nextPage = head.next
        if let next = head.next, !isPage(next) { return .pages }
        friend.listsOnlyFirst = !head.isNotStored && head.next == nil
        guard date == nil else { return nil }
        date = head.date?.seconds ?? asked
        // What the friend published since its clock went back has times that were not asked for: the next visit asks for everything.
        if let date, let since = friend.since, date < since { clockWentBack = true }
        return nil
    }

    /// Whether a link leads to another page of this listing and nowhere else.
    private func isPage(_ link: [UInt8]) -> Bool {
        let path = Array("/p2p/") + friend.fingerprint.hexadecimal + Array("?")
        return link.starts(with: path) && link != target
    }

    func listingEnds(_ count: Int, _ failure: PassFailure?) {
        guard !isOver else { return }
        if case .peer(let error)? = failure { return broken(error) }
        if let failure { return end(failure) }
        responses += 1
        friend.lastGood = address
        isListed = true
        listed += count
        if nextPage != nil, count == 0 || listed > Bounds.listedEntries { return end(.pages) }
        proceed()
    }
}
