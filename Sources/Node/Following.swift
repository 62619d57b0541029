import Account
import Board
import Content
import Discovery
import EventLoop
import GnuPG
import JSON
import OpenPGP
import Peer
import Server
import Syncer
import System

/// Who is followed, where they are found, and the syncer that visits them.
final class Following {
    let syncer: Syncer
    private let discovery: Discovery?
    private let store: Store
    private let friends: Friends
    private let loop: EventLoop
    private var timer: Timer?

    private init(_ options: RunOptions, _ secure: SecureListener, _ limits: Syncer.Limits, store: Store, friends: Friends, gnuPG: GnuPG, loop: EventLoop, clock: NodeClock) {
        self.store = store
        self.friends = friends
        self.loop = loop
        syncer = Syncer(store: store, verifier: gnuPG, dialer: TLSDialer(context: secure.context, loop: loop), loop: loop, clock: clock, state: options.state, limits: limits)
        discovery = options.usesMulticastDNS ? Discovery(own: store.own, port: secure.listener.port, loop: loop) : nil
        for (fingerprint, address) in options.peers { syncer.add(address, of: fingerprint) }
        timer = Timer { [unowned(unsafe) self] in update() }
        // What the syncer stores is known to the store at once; no examination says that it has arrived.
        syncer.received = { fingerprint, name, entry in
            if !entry.isPublic || name.octets == Store.keyFileName, let directory = store.directory(fingerprint) { store.arrived?(directory, name.octets, entry) }
        }
        secure.handshakes.identified = { [unowned(unsafe) self] in syncer.connected($0) }
        syncer.missed = { [unowned(unsafe) self] in discovery?.lookAgain(for: $0) }
        discovery?.found = { [unowned(unsafe) self] in syncer.found($0, at: $1) }
        discovery?.lost = { [unowned(unsafe) self] in syncer.lost($0, at: $1) }
    }

    /// What the announcement says: whether the node waits for an owner.
    var isClaimable: Bool {
        get { discovery?.isClaimable ?? false }
        set { discovery?.isClaimable = newValue }
    }

    /// Nil without TLS: then nobody can prove to be a friend.
    static func make(_ options: RunOptions, _ secure: SecureListener?, board: Board, store: Store, friends: Friends, gnuPG: GnuPG, loop: EventLoop, clock: NodeClock) -> Following? {
        guard let secure else { return nil }
        var limits = Syncer.Limits()
        (limits.octetsPerFriend, limits.octets, limits.rate) = (board.syncOctetsPerFriend, board.syncOctets, board.syncRate)
        return Following(options, secure, limits, store: store, friends: friends, gnuPG: gnuPG, loop: loop, clock: clock)
    }

    /// Begins, when the store is ready.
    func start() {
        store.directoriesChanged = { [unowned(unsafe) self] in
            // In the middle of the store's own work: afterwards.
            if let timer { loop.schedule(timer, after: 0) }
        }
        syncer.start()
        discovery?.start()
    }

    func stop() {
        store.directoriesChanged = nil
        if let timer { loop.cancel(timer) }
        discovery?.stop()
        syncer.stop()
    }

    /// At the end of the program, after the loop: blocks.
    func save() { syncer.save() }

    /// The keys of friends were read again.
    func friendsLoaded() {
        syncer.keysChanged()
        update()
    }

    /// Friends whose directory is there and whose key can verify.
    private func update() {
        var followed: [Fingerprint] = []
        for directory in store.followed where directory.fingerprint != store.own {
            if let friend = friends.friend(directory.fingerprint), !friend.key.isRevoked { followed.append(directory.fingerprint) }
        }
        syncer.follow(followed)
        discovery?.look(for: followed)
    }

    /// The members `sync` and `discovery` of `maud status`.
    func write(to json: inout JSONWriter) {
        json.key("sync"); syncer.write(to: &json)
        guard let discovery else { return }
        json.key("discovery"); json.beginObject()
        json.key("state"); json.string(discovery.state.description)
        json.member("conflicts", discovery.counters.conflicts)
        json.member("found", discovery.counters.found)
        json.member("daemons", discovery.counters.daemons)
        json.endObject()
    }
}

extension CommonOptions {
    static var peer: OptionDescription {
        OptionDescription("--peer", "FPR=HOST:PORT", repeatable: true, "where the friend with this fingerprint may be reached (repeat for more)")
    }

    /// The friend and the address that such a value names.
    package static func peer(_ text: String) throws(CommandError) -> (Fingerprint, PeerAddress) {
        let octets = Array(text.utf8)
        guard let equals = octets.firstIndex(of: 0x3D), let fingerprint = Fingerprint(hexadecimal: octets[..<equals]),
              let address = PeerAddress(octets[(equals + 1)...]) else {
            throw CommandError(.usage, "--peer \(printable(text)) is not FINGERPRINT=HOST:PORT (an IPv6 address in brackets)")
        }
        return (fingerprint, address)
    }
}
