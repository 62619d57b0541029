import Account
import Content
import EventLoop
import GnuPG
import OpenPGP
import Peer
import Syncer
import System
import TLS

extension CommandLineInterface {
    static var syncVerb: Verb { Verb(
        name: "sync", summary: "fetch what is new from one followed friend, then exit",
        options: [
            CommonOptions.root, CommonOptions.passphraseFile,
            OptionDescription("--peer", "FPR=HOST:PORT", required: true, "the friend, and where to reach it"),
            CommonOptions.runtime,
        ], arguments: []) { (invocation) throws(CommandError) in
            let (fingerprint, address) = try CommonOptions.peer(try invocation.required("--peer"))
            let visit = try SingleVisit(invocation, fingerprint)
            try visit.run(address)
        }
    }
}

/// One visit to one friend, beside a running node or without one.
private final class SingleVisit {
    private let session: Session
    private let fingerprint: Fingerprint
    private let worker: Worker
    private let store: Store
    private let context: TLSContext

    init(_ invocation: Invocation, _ fingerprint: Fingerprint) throws(CommandError) {
        self.fingerprint = fingerprint
        let key: SigningKey
        do throws(SystemError) { key = try SigningKey() } catch { throw CommandError("cannot lock memory for the key", error) }
        session = try Session(invocation, signingKey: key)
        guard key.isSet else { throw CommandError(.dataError, "the primary key is not one that TLS can use (Ed25519, or RSA of 2048 to 4096 bits)") }
        let friends = try session.friends()
        guard let friend = friends.friend(fingerprint) else { throw CommandError(.dataError, "\(fingerprint.hexadecimal) is no friend") }
        guard !friend.key.isRevoked else { throw CommandError(.dataError, "\(fingerprint.hexadecimal) has revoked its key: nothing of it can be believed") }
        guard friends.isFollowed(fingerprint) else { throw CommandError(.dataError, "\(fingerprint.hexadecimal) is not followed; maud friend follow begins it") }
        do throws(SystemError) {
            worker = try Worker(loop: session.loop)
            context = try TLSContext(key: key, protocols: [.http1], loop: session.loop)
        } catch { throw CommandError("cannot start", error) }
        do throws(ContentError) {
            store = try Store(root: session.root, state: nil, own: session.account.fingerprint, loop: session.loop, worker: worker, clock: session.clock)
        } catch { throw CommandError(error.exitCode, error.description) }
    }

    func run(_ address: PeerAddress) throws(CommandError) {
        do throws(ContentError) { try store.start {} } catch { throw CommandError(error.exitCode, error.description) }
        try turn { store.isReady && store.directory(fingerprint)?.isSettled ?? true }
        let syncer = Syncer(store: store, verifier: session.gnuPG, dialer: TLSDialer(context: context, loop: session.loop), loop: session.loop,
                            clock: session.clock, state: nil)
        syncer.add(address, of: fingerprint)
        syncer.follow([fingerprint])
        var hasEnded = false, failure: PassFailure?
        syncer.visitOnce(fingerprint) { (hasEnded, failure) = (true, $0) }
        try turn { hasEnded }
        let counters = syncer.counters
        syncer.stop()
        store.stop()
        try? worker.stop()
        Output.standardError("files fetched: \(counters.files), refused: \(counters.refusedFiles)\n" as Message)
        if syncer.reachesOnlyFirst(fingerprint) { Output.standardError("of this peer only the first \(Bounds.listedByGo) files can be reached\n" as Message) }
        if let failure { throw CommandError(.unavailable, failure.description) }
    }

    /// Runs the loop until something holds.
    private func turn(_ holds: () -> Bool) throws(CommandError) {
        while !holds() {
            do throws(SystemError) { try session.loop.runOnce(wait: true) } catch { throw CommandError("the event loop failed", error) }
        }
    }
}
