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
    let dialer: TLSDialer
    let worker: Worker
    private let resolver: Resolver
    private var discovery: Discovery?
    /// Since when announcements are heard, in nanoseconds since boot: nobody is waited for twice.
    private var listeningSince: Int64 = 0
    private var discovered: [(fingerprint: Fingerprint, address: PeerAddress)] = []
    private var visits: Visits?
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)

    init(_ desk: Desk, _ key: SigningKey) throws(CommandError) {
        self.desk = desk
        do throws(SystemError) {
            worker = try Worker(loop: desk.loop)
            context = try TLSContext(key: key, protocols: [.http1], loop: desk.loop)
        } catch { throw CommandError("cannot start", error) }
        dialer = TLSDialer(context: context, loop: desk.loop)
        resolver = Resolver(loop: desk.loop)
    }

    deinit { buffer.deallocate() }

    func stop() {
        discovery?.stop()
        visits?.stop()
        resolver.stop()
        try? worker.stop()
    }

    // MARK: Where

    /// Seconds until an announcement counts as not coming, and until there counts as being no Avahi daemon.
    static let announcementSeconds = 2.0, daemonSeconds = 0.5

    /// Everybody whom the local network announces, after so many seconds of listening in all. Without an Avahi daemon nobody, at once.
    package func announced(seconds: Double = announcementSeconds, isEnough: () -> Bool = { false }) throws(CommandError) -> [(fingerprint: Fingerprint, address: PeerAddress)] {
        guard desk.place.usesMulticastDNS else { return [] }
        let discovery = discovery ?? startDiscovery()
        let daemonEnd = listeningSince + Int64(Network.daemonSeconds * 1e9)
        let left = Double(listeningSince - desk.loop.now) / 1e9 + seconds
        let pulse = Timer {}
        desk.loop.schedule(pulse, at: daemonEnd)
        defer { desk.loop.cancel(pulse) }
        try desk.turn(atMost: max(0, left)) { isEnough() || discovery.counters.daemons == 0 && desk.loop.now >= daemonEnd }
        return discovered
    }

    /// Those of them that wait for an owner, as far as they say.
    package private(set) var claimable: [Fingerprint] = []

    private func startDiscovery() -> Discovery {
        let made = Discovery(own: desk.own, port: 0, loop: desk.loop, isForEveryone: true)
        made.found = { [unowned self] fingerprint, address in
            if fingerprint != desk.own, !discovered.contains(where: { $0.fingerprint == fingerprint && $0.address == address }) { discovered.append((fingerprint, address)) }
        }
        made.foundClaimable = { [unowned self] fingerprint, isClaimable in
            claimable.removeAll { $0 == fingerprint }
            if isClaimable { claimable.append(fingerprint) }
        }
        made.lost = { [unowned self] fingerprint, address in discovered.removeAll { $0.fingerprint == fingerprint && $0.address == address } }
        discovery = made
        listeningSince = desk.loop.now
        made.start()
        return made
    }

    /// Addresses to try for one device: the given ones, or what the network announces.
    func addresses(of fingerprint: Fingerprint) throws(CommandError) -> [PeerAddress] {
        let given = desk.place.addresses(of: fingerprint)
        if !given.isEmpty { return given }
        let all = try announced { discovered.contains { $0.fingerprint == fingerprint } }
        return all.filter { $0.fingerprint == fingerprint }.map(\.address)
    }

    // MARK: Connecting

    /// A connection to a device that has proven to be it; or why there is none.
    func connect(_ fingerprint: Fingerprint) throws(CommandError) -> Result<PeerConnection, Unreachable> {
        var problem: Message = "no address of it is known (--peer FINGERPRINT=HOST:PORT gives one)"
        for address in try addresses(of: fingerprint) {
            switch try connect(fingerprint, at: address) {
            case .success(let connection): return .success(connection)
            case .failure(let error): problem = "\(address.description): \(error.description)"
            }
        }
        return .failure(Unreachable(reason: problem))
    }

    /// The same at one address.
    func connect(_ fingerprint: Fingerprint, at address: PeerAddress, seconds: Double = Double(Bounds.dialSeconds)) throws(CommandError) -> Result<PeerConnection, PeerError> {
        var numeric: [PeerAddress]? = address.isNumeric ? [address] : nil
        if numeric == nil {
            resolver.resolve(address) { numeric = $0 }
            try desk.turn(atMost: seconds) { numeric != nil }
        }
        var failure = PeerError.noSuchHost
        for candidate in numeric ?? [] {
            var outcome: Result<any Streams.Stream, PeerError>?
            let dialing = dialer.dial(fingerprint, at: candidate) { outcome = $0 }
            if try !desk.turn(atMost: seconds, until: { outcome != nil }) { dialing.cancel() }
            switch outcome {
            case .success(let stream): return .success(PeerConnection(stream, buffer: buffer, loop: desk.loop, clock: desk.session.clock))
            case .failure(let error): failure = error
            case nil: failure = .tooSlow
            }
        }
        return .failure(failure)
    }

    // MARK: Visiting

    /// Fetches what is new from a followed friend.
    func visit(_ fingerprint: Fingerprint) throws(CommandError) -> Visit {
        let addresses = try addresses(of: fingerprint)
        if addresses.isEmpty { return Visit(isAway: true, problem: "no address of it is known (--peer FINGERPRINT=HOST:PORT gives one)") }
        if visits == nil { visits = try Visits(self) }
        return try visits?.visit(fingerprint, addresses) ?? Visit()
    }
}

/// Why a device could not be reached.
struct Unreachable: Error {
    let reason: Message
}
