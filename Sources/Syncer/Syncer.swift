import Content
import EventLoop
import GnuPG
import OpenPGP
import Peer
import System

/// Tells who signed a message in a file.
public protocol MessageVerifier: AnyObject {
    /// See `GnuPG.verify`.
    func verify(file: Int32, count: Int, head: UnsafeRawBufferPointer, limit: Int, completion: @escaping (Result<VerifiedMessage, GnuPGError>) -> Void)
}

extension GnuPG: MessageVerifier {}

/// Keeps the directories of followed friends in sync with what the friends publish (docs/sync.md).
///
/// Each friend is visited when it shows up, then regularly, after failures with growing pauses; at most `Bounds.syncConnections` at once. Files
/// become visible only after they were verified.
public final class Syncer {
    /// What following may take, as board.json says.
    public struct Limits: Sendable {
        /// Octets of one friend's files, versions included, and of all friends'.
        public var octetsPerFriend = Bounds.syncOctetsPerFriend
        public var octets = Bounds.syncOctets
        /// Octets a second, of all friends together.
        public var rate = Bounds.syncRate

        public init() {}
    }

    let store: Store
    let limits: Limits
    let verifier: any MessageVerifier
    let dialer: any Dialer
    let loop: EventLoop
    let clock: NodeClock
    let resolver: Resolver
    /// Connections receive into this, one at a time.
    let buffer: UnsafeMutableRawBufferPointer
    private(set) var rate: RateLimit?
    private(set) var friends: [FollowedFriend] = []
    public internal(set) var counters = SyncCounters()
    /// Octets received from friends.
    public internal(set) var octetsReceived: Int64 = 0
    /// Called with each file that has become visible.
    public var received: ((Fingerprint, FileName, Entry) -> Void)?
    /// Called with a friend whom a visit found at none of its addresses.
    public var missed: ((Fingerprint) -> Void)?
    private let state: SyncState?
    private var staticAddresses: [(Fingerprint, PeerAddress)] = []
    private var timer: Timer?
    private var isRunning = false
    private var once: ((PassFailure?) -> Void)?

    /// - Parameters:
    ///   - dialer: makes connections that prove who is at the other end.
    ///   - state: the directory where positions are kept; nil to do without.
    public init(store: Store, verifier: any MessageVerifier, dialer: any Dialer, loop: EventLoop, clock: NodeClock, state: String?, limits: Limits = Limits()) {
        self.store = store
        self.limits = limits
        self.verifier = verifier
        self.dialer = dialer
        self.loop = loop
        self.clock = clock
        self.state = state.flatMap { SyncState(directory: $0, store: store) }
        resolver = Resolver(loop: loop)
        buffer = .allocate(byteCount: 16 << 10, alignment: 16)
        timer = Timer { [unowned(unsafe) self] in pump() }
        rate = RateLimit(octetsPerSecond: limits.rate, loop: loop) { [unowned(unsafe) self] in
            for friend in friends { friend.pass?.resume() }
        }
    }

    deinit { buffer.deallocate() }

    // MARK: Whom

    /// Sets who is followed: friends whose keys are known and whose directories are there.
    public func follow(_ fingerprints: [Fingerprint]) {
        for friend in friends where !fingerprints.contains(friend.fingerprint) { friend.pass?.stop() }
        friends.removeAll { !fingerprints.contains($0.fingerprint) }
        for fingerprint in fingerprints where friend(fingerprint) == nil {
            let friend = FollowedFriend(fingerprint)
            friend.since = state?.since(fingerprint)
            for (owner, address) in staticAddresses where owner == fingerprint { friend.add(address, isStatic: true) }
            friends.append(friend)
        }
        pump()
    }

    /// The friends' keys were read again.
    public func keysChanged() {
        for friend in friends { friend.forgetRefusals() }
    }

    /// An address that stays, from the command line. Before `follow`.
    public func add(_ address: PeerAddress, of fingerprint: Fingerprint) { staticAddresses.append((fingerprint, address)) }

    /// A friend may be there: visited at once. One who is not followed is nobody here.
    public func found(_ fingerprint: Fingerprint, at address: PeerAddress) {
        guard let friend = friend(fingerprint) else { return }
        let isNew = !friend.addresses.contains { $0.address == address }
        friend.add(address, isStatic: false)
        if isNew || friend.failures > 0 { appeared(fingerprint) }
    }

    /// An address is not announced any more.
    public func lost(_ fingerprint: Fingerprint, at address: PeerAddress) { friend(fingerprint)?.remove(address) }

    /// A friend has made a connection of its own. Two nodes that follow each other must not send each other round in circles: nothing
    /// happens when a visit found it a moment ago.
    public func connected(_ fingerprint: Fingerprint) {
        guard let friend = friend(fingerprint) else { return }
        let pause = Int64(Bounds.syncIntervalSeconds / 2) * nanosecondsPerSecond
        if !friend.wasFound || loop.now - friend.lastStart >= pause { appeared(fingerprint) }
    }

    /// A friend has shown itself: visited at once, but not more often than every `Bounds.syncRestSeconds`.
    public func appeared(_ fingerprint: Fingerprint) {
        guard let friend = friend(fingerprint) else { return }
        friend.failures = 0
        let rested = friend.lastStart == .min ? loop.now : friend.lastStart + Int64(Bounds.syncRestSeconds) * nanosecondsPerSecond
        friend.due = min(friend.due, max(loop.now, rested))
        pump()
    }

    func friend(_ fingerprint: Fingerprint) -> FollowedFriend? {
        for friend in friends where friend.fingerprint == fingerprint { return friend }
        return nil
    }

    // MARK: When

    /// Begins. The store must be ready.
    public func start() {
        isRunning = true
        pump()
    }

    /// Visits a friend once; `completion` is told why not everything was taken in, or nil.
    public func visitOnce(_ fingerprint: Fingerprint, completion: @escaping (PassFailure?) -> Void) {
        guard let friend = friend(fingerprint) else { return completion(.stopped) }
        once = completion
        begin(friend)
    }

    /// Whether a friend's server lists its first `Bounds.listedByGo` files and no others.
    public func reachesOnlyFirst(_ fingerprint: Fingerprint) -> Bool { friend(fingerprint)?.listsOnlyFirst ?? false }

    /// Ends every visit.
    public func stop() {
        isRunning = false
        if let timer { loop.cancel(timer) }
        rate?.stop()
        for friend in friends { friend.pass?.stop() }
        resolver.stop()
    }

    /// Saves the positions, after `stop`, at the end of the program: blocks.
    public func save() { state?.saveNow(friends) }

    /// Begins what is due, and waits for what comes next.
    func pump() {
        guard isRunning else { return }
        var active = friends.count { $0.pass != nil }
        while active < Bounds.syncConnections, let friend = nextFriend, friend.due <= loop.now {
            begin(friend)
            active += 1
        }
        guard let timer else { return }
        loop.cancel(timer)
        if active < Bounds.syncConnections, let friend = nextFriend { loop.schedule(timer, at: max(friend.due, loop.now + 1_000_000)) }
    }

    /// The friend who waits for longest. Without an address nobody can be visited.
    private var nextFriend: FollowedFriend? {
        var next: FollowedFriend?
        for friend in friends where friend.pass == nil && !friend.addresses.isEmpty && friend.due < next?.due ?? .max { next = friend }
        return next
    }

    private func begin(_ friend: FollowedFriend) {
        friend.lastStart = loop.now
        friend.wasFound = false
        let pass = SyncPass(friend, self)
        friend.pass = pass
        pass.start()
    }

    /// A visit is over.
    func ended(_ friend: FollowedFriend, _ failure: PassFailure?, hasProgress: Bool) {
        friend.pass = nil
        let now = loop.now
        if let failure {
            friend.failures = hasProgress ? 1 : friend.failures + 1
            counters.failedVisits += 1
            friend.counters.failedVisits += 1
            let pause = Syncer.pause(afterFailures: friend.failures)
            friend.due = now + Int64(pause) * nanosecondsPerSecond
            note(friend, failure, pause: pause)
            if !friend.wasFound { missed?(friend.fingerprint) }
        } else {
            friend.failures = 0
            friend.problem = nil
            friend.lastSuccess = now
            counters.visits += 1
            friend.counters.visits += 1
            friend.due = now + Int64(Bounds.syncIntervalSeconds) * nanosecondsPerSecond
            state?.saveIfDue(friends)
        }
        if let once {
            self.once = nil
            once(failure)
        }
        pump()
    }

    /// Seconds: doubling, up to an hour.
    static func pause(afterFailures failures: Int) -> Int {
        min(Bounds.syncLongestPauseSeconds, Bounds.syncPauseSeconds << min(max(failures - 1, 0), 16))
    }

    /// Logs the first failure of a kind, not each one of a friend who is away.
    private func note(_ friend: FollowedFriend, _ failure: PassFailure, pause: Int) {
        let text = failure.description
        defer { friend.problem = text }
        if case .stopped = failure { return }
        if let problem = friend.problem, problem.octets == text.octets { return }
        var line = Log("sync-failed")
        line.field("friend", octets: friend.fingerprint.hexadecimal)
        line.field("reason", text)
        line.field("pause_s", pause)
        line.write()
    }

    /// Octets of all friends' files, versions included.
    var storedOctets: Int64 {
        var all: Int64 = 0
        for directory in store.followed where directory.fingerprint != store.own { all += directory.octets }
        return all
    }
}
