import Content
import EventLoop
import Node
import OpenPGP
import Peer
import Syncer
import System

/// What a visit to a device brought.
package struct Visit {
    /// Files that are new here.
    package var files = 0
    /// Files that were refused.
    package var refused = 0
    /// There was no address to try.
    package var isAway = false
    /// Why not everything could be had; nil when it could.
    package var problem: Message?
    /// Somebody was there who is not who was asked for.
    package var isAnother = false
}

/// Visits friends one after the other, exactly as a node does (docs/sync.md): what arrives is verified before it is visible.
final class Visits {
    private unowned let desk: Desk
    private let store: Store
    private let syncer: Syncer

    /// A PC has room for what a device removed long ago: twenty times what a node keeps of a friend.
    static var storeLimits: Store.Limits {
        var limits = Store.Limits()
        limits.files = 200_000
        return limits
    }

    private static var limits: Syncer.Limits {
        var limits = Syncer.Limits()
        (limits.octetsPerFriend, limits.octets) = (4 << 30, 32 << 30)
        return limits
    }

    /// Reads what is there of all friends who are followed.
    init(_ network: Network) throws(CommandError) {
        desk = network.desk
        let session = desk.session
        do throws(ContentError) {
            store = try Store(root: session.root, state: nil, own: desk.own, loop: desk.loop, worker: network.worker, clock: session.clock, limits: Visits.storeLimits)
            try store.start {}
        } catch { throw CommandError(error) }
        syncer = Syncer(store: store, verifier: session.gnuPG, dialer: network.dialer, loop: desk.loop, clock: session.clock, state: nil, limits: Visits.limits)
        let fingerprints = desk.followed.map(\.fingerprint)
        let store = store
        try desk.turn { store.isReady && fingerprints.allSatisfy { store.directory($0)?.isSettled ?? true } }
        syncer.follow(fingerprints)
    }

    func visit(_ fingerprint: Fingerprint, _ addresses: [PeerAddress]) throws(CommandError) -> Visit {
        for address in addresses { syncer.found(fingerprint, at: address) }
        let before = syncer.counters
        var hasEnded = false, failure: PassFailure?
        let progress = Progress("fetching")
        syncer.received = { [unowned self] _, _, _ in progress.show(syncer.counters.files - before.files) }
        syncer.visitOnce(fingerprint) { (hasEnded, failure) = (true, $0) }
        try desk.turn { hasEnded }
        progress.clear()
        let after = syncer.counters
        return Visit(files: after.files - before.files, refused: after.refusedFiles - before.refusedFiles, problem: failure?.description, isAnother: failure?.isOtherPeer ?? false)
    }

    func stop() {
        syncer.stop()
        store.stop()
    }
}
