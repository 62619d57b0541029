import Content
import Discovery
import EventLoop
import Node
import OpenPGP
import Peer
import Streams
import Syncer
import System
import TLS

/// Reaches devices: finds their addresses, connects by TLS, visits them as a node does.
package final class Network {
    unowned let desk: Desk
    let context: TLSContext
    let dialer: AnyDialer
    let worker: Worker
    private let resolver: Resolver
    private var discovery: Discovery?
    /// Since when announcements are heard, in nanoseconds since boot: nobody is waited for twice.
    private var listeningSince: Int64 = 0
    private var discovered: [(fingerprint: Fingerprint, address: PeerAddress)] = []
    private var visits: Visits?
    private(set) var radio: Radio?
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)

    init(_ desk: Desk, _ key: SigningKey) throws(CommandError) {
        self.desk = desk
        do throws(SystemError) {
            worker = try Worker(loop: desk.loop)
            context = try TLSContext(key: key, protocols: [.http1], loop: desk.loop)
        } catch { throw CommandError("cannot start", error) }
        dialer = AnyDialer(context: context, loop: desk.loop)
        resolver = Resolver(loop: desk.loop)
    }

    deinit { buffer.deallocate() }

    func stop() {
        discovery?.stop()
        visits?.stop()
        radio?.stop()
        resolver.stop()
        try? worker.stop()
    }

    // MARK: Where

    /// Seconds until an announcement counts as not coming, and until there counts as being no Avahi daemon.
    static let announcementSeconds = 2.0, daemonSeconds = 0.5

    /// Everybody whom the local network announces, after so many seconds of listening in all. Without an Avahi daemon nobody, at once.
    /// By Bluetooth everybody who is heard, and has said who it is.
    package func announced(seconds: Double? = nil, isEnough: () -> Bool = { false }) throws(CommandError) -> [(fingerprint: Fingerprint, address: PeerAddress)] {
        if desk.place.usesBluetooth { return try heard(seconds: seconds ?? Radio.lookSeconds) }
        guard desk.place.usesMulticastDNS else { return [] }
        let discovery = discovery ?? startDiscovery()
        let daemonEnd = listeningSince + Int64(Network.daemonSeconds * 1e9)
        let left = Double(listeningSince - desk.loop.now) / 1e9 + (seconds ?? Network.announcementSeconds)
        let pulse = Timer {}
        desk.loop.schedule(pulse, at: daemonEnd)
        defer { desk.loop.cancel(pulse) }
        try desk.turn(atMost: max(0, left)) { isEnough() || discovery.counters.daemons == 0 && desk.loop.now >= daemonEnd }
        return discovered
    }

    /// Those of them that wait for an owner, as far as they say.
    private(set) var claimableByAnnouncement: [Fingerprint] = []

    private func startDiscovery() -> Discovery {
        let made = Discovery(own: desk.own, port: 0, loop: desk.loop, isForEveryone: true)
        made.found = { [unowned self] fingerprint, address in
            if fingerprint != desk.own, !discovered.contains(where: { $0.fingerprint == fingerprint && $0.address == address }) { discovered.append((fingerprint, address)) }
        }
        made.foundClaimable = { [unowned self] fingerprint, isClaimable in
            claimableByAnnouncement.removeAll { $0 == fingerprint }
            if isClaimable { claimableByAnnouncement.append(fingerprint) }
        }
        made.lost = { [unowned self] fingerprint, address in discovered.removeAll { $0.fingerprint == fingerprint && $0.address == address } }
        discovery = made
        listeningSince = desk.loop.now
        made.start()
        return made
    }

    /// Addresses to try for one device: the given ones, or what the network announces.
    func addresses(of fingerprint: Fingerprint) throws(CommandError) -> [PeerAddress] {
        if desk.place.usesBluetooth { return try madeRadio().find(fingerprint, except: []) }
        let given = desk.place.addresses(of: fingerprint)
        if !given.isEmpty { return given }
        let all = try announced { discovered.contains { $0.fingerprint == fingerprint } }
        return all.filter { $0.fingerprint == fingerprint }.map(\.address)
    }

    // MARK: Connecting

    /// A connection to a device that has proven to be it; or why there is none.
    func connect(_ fingerprint: Fingerprint) throws(CommandError) -> Result<PeerConnection, Unreachable> {
        if desk.place.usesBluetooth { return try connectByRadio(fingerprint) }
        var problem = noAddress
        for address in try addresses(of: fingerprint) {
            switch try connect(fingerprint, at: address) {
            case .success(let connection): return .success(connection)
            case .failure(let error): problem = "\(address.words): \(error.reason)"
            }
        }
        return .failure(Unreachable(reason: problem))
    }

    /// The same at one address.
    func connect(_ fingerprint: Fingerprint, at address: PeerAddress, seconds: Double = Double(Bounds.dialSeconds)) throws(CommandError) -> Result<PeerConnection, Unreachable> {
        if address.isBluetooth { return try connectByRadio(fingerprint, at: address) }
        var numeric: [PeerAddress]? = address.isNumeric ? [address] : nil
        if numeric == nil {
            resolver.resolve(address) { numeric = $0 }
            try desk.turn(atMost: seconds) { numeric != nil }
        }
        var failure = PeerError.noSuchHost
        for candidate in numeric ?? [] {
            switch try dial(fingerprint, at: candidate, seconds: seconds) {
            case .success(let connection): return .success(connection)
            case .failure(let error): failure = error
            }
        }
        return .failure(Unreachable(reason: failure.description))
    }

    /// The same at a numeric one.
    func dial(_ fingerprint: Fingerprint, at address: PeerAddress, seconds: Double) throws(CommandError) -> Result<PeerConnection, PeerError> {
        var outcome: Result<any Streams.Stream, PeerError>?
        let dialing = dialer.dial(fingerprint, at: address) { outcome = $0 }
        if try !desk.turn(atMost: seconds, until: { outcome != nil }) { dialing.cancel() }
        return (outcome ?? .failure(.tooSlow)).map { PeerConnection($0, buffer: buffer, loop: desk.loop, clock: desk.session.clock) }
    }

    // MARK: Bluetooth

    /// Finds the daemon and its adapter when it is first needed.
    func madeRadio() throws(CommandError) -> Radio {
        if let radio { return radio }
        let made = try Radio(desk)
        radio = made
        dialer.radio = made
        return made
    }

    // MARK: Visiting

    /// Fetches what is new from a followed friend.
    func visit(_ fingerprint: Fingerprint) throws(CommandError) -> Visit {
        if desk.place.usesBluetooth { return try visitByRadio(fingerprint) }
        let addresses = try addresses(of: fingerprint)
        return addresses.isEmpty ? Visit(isAway: true, problem: noAddress) : try visit(fingerprint, at: addresses)
    }

    func visit(_ fingerprint: Fingerprint, at addresses: [PeerAddress]) throws(CommandError) -> Visit {
        if visits == nil { visits = try Visits(self) }
        return try visits?.visit(fingerprint, addresses) ?? Visit()
    }
}

/// Why a device could not be reached.
struct Unreachable: Error {
    let reason: Message
    /// Somebody is there who is not who was asked for.
    var isAnother = false
    /// Nobody was found to try.
    var isAway = false
    var description: Message { reason }
}
