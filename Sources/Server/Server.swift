import Content
import EventLoop
import HTTP
import OpenPGP
import Streams
import System
import TLS

/// Serves the files of a Mau directory over any streams, within `Bounds`: docs/http.md says what it answers.
///
/// One request path serves every carrier and both versions of HTTP. No request starts a process, hashes, or reads a directory; an idle connection
/// holds no buffer, because the two that there are belong to the server and are used by one connection at a time.
public final class Server {
    /// What `maud status` reports.
    public internal(set) var counters = Counters()

    /// Who is a friend; nil: nobody. It outlives the server.
    public unowned(unsafe) var rights: (any Rights)?

    let clock: NodeClock
    let store: Store
    let limits: Limits
    let listings = ListingCache()
    /// Takes files that are PUT; nil: none are.
    public var receiver: (any FileReceiver)?
    /// What HTTP/2 connections share; made with the first.
    private(set) lazy var http2 = HTTP2Library()
    /// Requests are read into this and parsed in place.
    let input: UnsafeMutableRawBufferPointer
    /// Heads, and small bodies behind them, are made here.
    let output: UnsafeMutableRawBufferPointer
    /// Nanoseconds since boot at the start of the present turn.
    private(set) var now: Int64 = 0

    private let loop: EventLoop
    private var connections: [any ServedConnection] = []
    private var timer: Timer?
    private var timerDeadline: Int64?
    private var ending: Timer?
    private var date = HTTPDate(seconds: 0)
    /// Nanoseconds since boot until which `date` holds; it is looked up again after.
    private var dateEnd: Int64 = .min
    private var isClockSet = false

    /// Room for a head before the body in `output`: all fields together take less than 600 octets.
    static let headCapacity = 1024

    /// - Parameters:
    ///   - store: the directories that exist for peers.
    ///   - clock: for `Date`; while it is unset none is sent (RFC 9110, section 6.6.1).
    public init(store: Store, clock: NodeClock, loop: EventLoop, limits: Limits = Limits()) {
        self.limits = limits
        self.store = store
        self.clock = clock
        self.loop = loop
        input = .allocate(byteCount: Bounds.requestHead, alignment: 16)
        output = .allocate(byteCount: Server.headCapacity + Bounds.inlineBody, alignment: 16)
        timer = Timer { [unowned(unsafe) self] in timerIsDue() }
    }

    deinit {
        input.deallocate()
        output.deallocate()
    }

    /// How many connections there may be; the defaults are in `Bounds`.
    public struct Limits: Sendable {
        public var connections = Bounds.connections
        /// Of these, kept for friends who have proven their key.
        public var connectionsForFriends = Bounds.connectionsForFriends
        /// Of one IPv4 address or IPv6 /64.
        public var connectionsPerNetwork = Bounds.connectionsPerAddress
        public init() {}
    }

    /// Connections that there are now.
    public var openConnections: Int { connections.count }

    /// Begins the end of the program: idle connections are closed at once, the others when their response is sent, and
    /// whatever is left after `Bounds.finishSeconds`. No new stream may be given afterwards; `openConnections` tells when it is done.
    public func finish() {
        startTurn()
        for connection in connections { connection.finish() }
        guard !connections.isEmpty else { return }
        let timer = Timer { [unowned(unsafe) self] in close() }
        ending = timer
        loop.schedule(timer, after: Int64(Bounds.finishSeconds) * nanosecondsPerSecond)
    }

    /// Closes every connection at once.
    public func close() {
        if let timer { loop.cancel(timer) }
        if let ending { loop.cancel(ending) }
        for connection in connections { connection.close() }
    }

    // MARK: Connections

    /// Takes a stream on which requests will come. When all places are taken, of the server or of the stream's network, the
    /// longest idle connection among those makes room; when none is idle the stream gets 503 and is closed. Strangers never
    /// take the places that are kept for friends, nor a friend's connection; of a network friends have as many as strangers, beside them.
    public func accept(_ stream: any Stream, speaking: ApplicationProtocol = .http1) {
        startTurn()
        counters.connections += 1
        let isFriend = viewer(of: stream).isFriend
        var isRefused = false
        if let network = stream.network {
            let count = connections.count { $0.stream.network == network && !$0.isRefused && $0.isFriend == isFriend }
            if count >= limits.connectionsPerNetwork { isRefused = !closeLongestIdle(in: network, ofFriends: isFriend) }
        }
        if !isRefused { isRefused = !makeRoom(forFriend: isFriend) }
        if isRefused {
            counters.refused += 1
            note("connection-refused", counters.refused)
            guard connections.count(where: { $0.isRefused }) < Bounds.refusedConnections else { return stream.close() }
        }
        if speaking == .http2, !isRefused { begin(HTTP2Connection(stream, server: self, isFriend: isFriend)) } else {
            begin(Connection(stream, server: self, isRefused: isRefused, isFriend: isFriend, speaking: speaking))
        }
    }

    private func begin(_ connection: any ServedConnection) {
        connections.append(connection)
        connection.start()
    }

    /// Whether there is a place, perhaps after an idle connection has made room.
    private func makeRoom(forFriend isFriend: Bool) -> Bool {
        let taken = connections.count { !$0.isRefused }, byStrangers = connections.count { !$0.isRefused && !$0.isFriend }
        if isFriend { return taken < limits.connections || closeLongestIdle(ofFriends: false) || closeLongestIdle() }
        let isFull = taken >= limits.connections || byStrangers >= limits.connections - limits.connectionsForFriends
        return !isFull || closeLongestIdle(ofFriends: false)
    }

    /// Closes the connection that has been idle for longest, of friends or of strangers alone or of all; false when none is idle.
    func closeLongestIdle(in network: Network? = nil, ofFriends: Bool? = nil) -> Bool {
        var longest: (any ServedConnection)?
        for connection in connections where connection.isIdle && (network == nil || connection.stream.network == network) && connection.isFriend == ofFriends ?? connection.isFriend {
            if connection.since < longest?.since ?? .max { longest = connection }
        }
        guard let longest else { return false }
        counters.evicted += 1
        longest.close()
        return true
    }

    /// A connection has closed its stream.
    func forget(_ connection: any ServedConnection) {
        if let index = connections.firstIndex(where: { $0 === connection }) { connections.swapAt(index, connections.count - 1); connections.removeLast() }
    }

    /// Gives up the oldest response that is sent from an outdated listing; false when there is none.
    func abortSlowestListing() -> Bool {
        var slowest: (any ServedConnection)?, oldest: Listing?
        for connection in connections {
            guard let listing = connection.outdatedListing, listing.created < oldest?.created ?? .max else { continue }
            slowest = connection
            oldest = listing
        }
        guard let slowest, let oldest else { return false }
        counters.listingsAborted += 1
        note("listing-aborted", counters.listingsAborted)
        slowest.giveUp(oldest)
        return true
    }

    /// Logs that a bound was hit: the first time, then when the count has doubled, so that a flood does not fill the log.
    func note(_ event: StaticString, _ count: UInt64) {
        guard count & (count - 1) == 0 else { return }
        var line = Log(event)
        line.field("count", Int(clamping: count))
        line.write()
    }

    // MARK: Time

    /// Looks at the clock once for all that one event brings.
    func startTurn() { now = loop.now }

    /// The present second, or nil while the clock is unset.
    var currentDate: HTTPDate? {
        if now >= dateEnd {
            isClockSet = clock.state == .set
            let time = clock.now
            date = HTTPDate(nanoseconds: time)
            dateEnd = now + nanosecondsPerSecond - (time - date.seconds * nanosecondsPerSecond)
        }
        return isClockSet ? date : nil
    }

    /// The same, at the floor while the clock is unset: for what must be compared with some time.
    var nearestDate: HTTPDate { currentDate ?? date }

    /// Makes sure that the timer fires at `deadline` or soon after: all deadlines are looked at then. There is one timer,
    /// on whole seconds, and none while nothing can become due (`.max`).
    func arm(_ deadline: Int64) {
        guard let timer, deadline < .max else { return }
        let whole = (deadline + nanosecondsPerSecond - 1) / nanosecondsPerSecond * nanosecondsPerSecond
        if let timerDeadline, timerDeadline <= whole { return }
        timerDeadline = whole
        loop.schedule(timer, at: whole)
    }

    private func timerIsDue() {
        timerDeadline = nil
        startTurn()
        for connection in connections where connection.deadline <= now { connection.isOverdue() }
        listings.removeUnused(before: now)
        // Connections move their deadlines on without moving the timer: only now it is known which comes next.
        for connection in connections { arm(connection.deadline) }
        if let deadline = listings.nextDeadline { arm(deadline) }
    }
}
