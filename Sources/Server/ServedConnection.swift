import Streams

/// A connection as the server sees it, whatever it speaks.
protocol ServedConnection: StreamOwner {
    var stream: any Streams.Stream { get }
    /// Being told that there is no place.
    var isRefused: Bool { get }
    /// The peer was a friend when it came. What it sees is looked up at each request.
    var isFriend: Bool { get }
    /// Whether it may be closed to make room: nothing of a request or of a response would be lost.
    var isIdle: Bool { get }
    /// Nanoseconds since boot: the last progress of whatever is waited for.
    var since: Int64 { get }
    /// When something must have happened, in nanoseconds since boot.
    var deadline: Int64 { get }
    /// The oldest listing that is being sent although its directory has changed since.
    var outdatedListing: Listing? { get }

    /// Begins to wait for requests, or says that there is no place.
    func start()
    /// The deadline has passed.
    func isOverdue()
    /// Gives up the responses made from a listing.
    func giveUp(_ listing: Listing)
    /// The server ends: responses on their way are the last ones, and without any there is nothing to wait for.
    func finish()
    /// Ends the connection at once.
    func close()
}
