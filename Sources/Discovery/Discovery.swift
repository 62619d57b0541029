import CAvahi
import EventLoop
import MessageBus
import OpenPGP
import Peer
import System

/// Announces this node on the local network and finds friends there, through the Avahi daemon (docs/discovery.md).
///
/// What is found is an address to try and nothing more: anyone can announce any name. The daemon may come and go.
public final class Discovery: BusUser {
    /// What `maud status` tells.
    public enum State: Sendable {
        /// There is no bus or no daemon.
        case absent
        /// The daemon was told; it is asking the network.
        case announcing
        case announced
        /// Someone else announces our name.
        case conflict
        /// The daemon does not take it.
        case refused

        public var description: StaticString {
            switch self {
            case .absent: "absent"
            case .announcing: "announcing"
            case .announced: "announced"
            case .conflict: "conflict"
            case .refused: "refused"
            }
        }
    }

    /// Since the start.
    public struct Counters: Sendable {
        public fileprivate(set) var conflicts = 0
        /// Addresses of friends that were found.
        public fileprivate(set) var found = 0
        /// Times that a daemon was found.
        public fileprivate(set) var daemons = 0
    }

    /// An address that a friend's announcement led to.
    private struct Hit {
        let fingerprint: Fingerprint
        let interface: Int32
        let protocolNumber: Int32
        let address: PeerAddress
    }

    private let own: Fingerprint
    private let port: UInt16
    private let loop: EventLoop
    private var avahi: OpaquePointer?
    private var isUp = false
    private var friends: [Fingerprint] = []
    /// Whoever is announced is looked for.
    private let isForEveryone: Bool
    private var hits: [Hit] = []
    private var connection: BusConnection?
    private var announcementTimer: Timer?
    private var announcementFailures = 0
    public private(set) var state = State.absent
    /// What our announcement says: whether we wait for an owner (docs/claim.md).
    public var isClaimable = false { didSet { if isClaimable != oldValue { announce() } } }
    /// Told of everybody who is found: whether they wait for an owner.
    public var foundClaimable: ((Fingerprint, Bool) -> Void)?
    public private(set) var counters = Counters()
    /// Told of each address of a friend, and when it is not announced any more.
    public var found: ((Fingerprint, PeerAddress) -> Void)?
    public var lost: ((Fingerprint, PeerAddress) -> Void)?

    /// - Parameters:
    ///   - port: where friends are served; 0: nothing is announced.
    ///   - isForEveryone: looks for everyone and not only for friends.
    public init(own: Fingerprint, port: UInt16, loop: EventLoop, isForEveryone: Bool = false) {
        self.own = own
        self.isForEveryone = isForEveryone
        self.port = port
        self.loop = loop
        connection = BusConnection(loop: loop, user: self)
        announcementTimer = Timer { [unowned(unsafe) self] in announce() }
    }

    public func start() { connection?.start() }

    public func stop() {
        if let announcementTimer { loop.cancel(announcementTimer) }
        connection?.stop()
    }

    /// Whom to look for. What is announced already is found again.
    public func look(for fingerprints: [Fingerprint]) {
        guard fingerprints != friends else { return }
        friends = fingerprints
        forgetHits { [friends] hit in !friends.contains(hit.fingerprint) }
        if isUp { browse() }
    }

    /// A friend was not where it is announced. The daemon tells when services come and go, not when a machine has another address.
    public func lookAgain(for fingerprint: Fingerprint) {
        guard let avahi, isUp else { return }
        for hit in hits where hit.fingerprint == fingerprint {
            _ = fingerprint.description.withCString { maud_avahi_resolve(avahi, hit.interface, hit.protocolNumber, $0) }
        }
        connection?.flush()
    }

    // MARK: The bus

    public func connectToBus() -> OpaquePointer? {
        guard maud_avahi_open(Discovery.takeEvent, Unmanaged.passUnretained(self).toOpaque(), &avahi) >= 0, let avahi else { return nil }
        return maud_avahi_bus(avahi)
    }

    public func busIsGone() {
        if let avahi { maud_avahi_close(avahi) }
        avahi = nil
        isDown()
    }

    // MARK: The daemon

    private static let takeEvent: maud_avahi_function = { owner, event in
        guard let owner, let event else { return }
        Unmanaged<Discovery>.fromOpaque(owner).takeUnretainedValue().take(event.pointee)
    }

    private func take(_ event: maud_avahi_event) {
        switch event.kind {
        case MAUD_AVAHI_UP: up()
        case MAUD_AVAHI_DOWN: isDown()
        case MAUD_AVAHI_ANNOUNCED:
            state = .announced
            announcementFailures = 0
        case MAUD_AVAHI_CONFLICT: notAnnounced(.conflict, nil)
        case MAUD_AVAHI_REFUSED: notAnnounced(.refused, event.error)
        case MAUD_AVAHI_FOUND: serviceFound(event)
        case MAUD_AVAHI_LOST: serviceLost(event)
        case MAUD_AVAHI_RESOLVED: serviceResolved(event)
        default: connection?.hasBroken()
        }
    }

    private func up() {
        isUp = true
        connection?.isWorking()
        announcementFailures = 0
        counters.daemons += 1
        announce()
        browse()
    }

    private func isDown() {
        isUp = false
        state = .absent
        if let announcementTimer { loop.cancel(announcementTimer) }
        // The addresses may still be right: the syncer keeps the newest of them.
        hits = []
    }

    // MARK: Our service

    private func announce() {
        guard let avahi, isUp, port != 0 else { return }
        state = .announcing
        if own.description.withCString({ maud_avahi_announce(avahi, $0, port, isClaimable) }) < 0 { notAnnounced(.refused, nil) }
        connection?.flush()
    }

    /// Another name would be another user's: it is tried again, and meanwhile friends who know an address still come.
    private func notAnnounced(_ state: State, _ error: UnsafePointer<CChar>?) {
        let isNew = self.state != state && announcementFailures == 0
        self.state = state
        announcementFailures += 1
        if state == .conflict { counters.conflicts += 1 }
        let pause = BusConnection.pause(announcementFailures, longest: Bounds.syncLongestPauseSeconds)
        if let announcementTimer { loop.schedule(announcementTimer, after: Int64(pause) * nanosecondsPerSecond) }
        guard isNew else { return }
        var line = Log("not-announced")
        if let error { line.field("reason", Message(cString: error)) } else { line.field("reason", "another service on the network has this node's name") }
        line.field("pause_s", pause)
        line.write()
    }

    // MARK: Friends

    private func browse() {
        guard let avahi else { return }
        hits = []
        if isForEveryone || !friends.isEmpty { _ = maud_avahi_browse(avahi) }
        connection?.flush()
    }

    /// The friend whose name a service has, in either case.
    private func friend(_ name: UnsafePointer<CChar>?) -> Fingerprint? {
        guard let name, let fingerprint = Discovery.fingerprint(name), isForEveryone || friends.contains(fingerprint) else { return nil }
        return fingerprint
    }

    private func serviceFound(_ event: maud_avahi_event) {
        guard let avahi, friend(event.name) != nil else { return }
        _ = maud_avahi_resolve(avahi, event.interface, event.protocol, event.name)
    }

    private func serviceResolved(_ event: maud_avahi_event) {
        guard let fingerprint = friend(event.name), let text = event.address, let address = Discovery.address(text, event.interface, event.port) else { return }
        if hits.contains(where: { $0.fingerprint == fingerprint && $0.address == address && $0.interface == event.interface }) { return }
        forgetHits { Discovery.isHit($0, fingerprint, event) }
        foundClaimable?(fingerprint, event.is_claimable)
        if hits.count < Bounds.discoveredAddresses {
            hits.append(Hit(fingerprint: fingerprint, interface: event.interface, protocolNumber: event.protocol, address: address))
        }
        counters.found += 1
        found?(fingerprint, address)
    }

    private func serviceLost(_ event: maud_avahi_event) {
        guard let fingerprint = friend(event.name) else { return }
        forgetHits { Discovery.isHit($0, fingerprint, event) }
    }

    /// The daemon tells one address for each interface and protocol.
    private static func isHit(_ hit: Hit, _ fingerprint: Fingerprint, _ event: maud_avahi_event) -> Bool {
        hit.fingerprint == fingerprint && hit.interface == event.interface && hit.protocolNumber == event.protocol
    }

    private func forgetHits(_ isGone: (Hit) -> Bool) {
        for hit in hits where isGone(hit) { lost?(hit.fingerprint, hit.address) }
        hits.removeAll(where: isGone)
    }
}
