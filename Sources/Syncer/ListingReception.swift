import HTTP
import Peer
import System

/// Takes a listing as it arrives, and hands each entry to the visit.
final class ListingReception: ResponseConsumer {
    private let pass: SyncPass
    /// Seconds since 1970 by our clock when it was asked for; nil while the clock is unset.
    private let asked: Int64?
    private var parser = ListingParser()
    private var failure: PassFailure?
    private var isListing = false

    init(_ pass: SyncPass, asked: Int64?) {
        self.pass = pass
        self.asked = asked
    }

    var room: Int { .max }

    func responseBegins(_ head: ResponseHead) -> Bool {
        // 304 is what a peer might answer when nothing is new.
        if head.status == 304 { return true }
        guard head.status == 200 else {
            failure = .peer(.status(head.status))
            return false
        }
        isListing = true
        failure = pass.listingBegins(head, asked: asked)
        return failure == nil
    }

    func responseContinues(_ octets: UnsafeRawBufferPointer) -> Bool {
        do throws(ListingParser.Defect) { try parser.parse(octets) { pass.take($0) } } catch { failure = .listing(error) }
        return failure == nil
    }

    func responseEnds(_ error: PeerError?) {
        if failure == nil, error == nil, isListing {
            do throws(ListingParser.Defect) { try parser.end() } catch { failure = .listing(error) }
        }
        if case .peer(.status(let code))? = failure { return pass.listingEnds(0, .incomplete("the peer answered with status \(code)")) }
        pass.listingEnds(parser.count, failure ?? error.map { .peer($0) })
    }
}
