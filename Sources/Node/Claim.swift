import Account
import CLinux
import Commands
import EventLoop
import GnuPG
import HTTP
import OpenPGP
import Server
import System

/// A node that has no owner yet, and whoever proves to know its code (docs/claim.md).
final class Claim {
    let files: ClaimFiles
    private let node: Fingerprint
    private let worker: Worker
    /// Attempts that were wrong, since the start.
    private(set) var refused = 0
    /// When one was told so last, nanoseconds since boot.
    private var lastRefusal: Int64 = -nanosecondsPerSecond
    /// A claimer's key is being stored.
    private var isUnderWay = false
    /// Called when the node cannot be claimed any more.
    var ended: () -> Void = {}

    /// - Parameter isPossible: nobody can prove a key to a node without TLS.
    init(_ files: ClaimFiles, node: Fingerprint, worker: Worker, isPossible: Bool) {
        self.files = files
        self.node = node
        self.worker = worker
        guard isPossible else { return }
        files.begin(node)
        report()
    }

    var isClaimable: Bool { files.isClaimable }

    private func report() {
        if files.error == 0 { return }
        var line = Log("claim-code-failed")
        line.field("reason", Message(cString: maud_error_text(files.error)))
        line.write()
    }

    /// Friends are known: an owner may be among them whom somebody put there on the board. Else the key is needed that a claimer gets.
    func friendsLoaded(_ gnuPG: GnuPG) {
        guard isClaimable else { return }
        if files.isOwned { return end {} }
        if hasKey { return }
        gnuPG.exportPublicKey(node) { [unowned(unsafe) self] result in
            if !hasKey, case .success(let key) = result, key.count < Bounds.inlineBody { files.answer += key }
        }
    }

    /// The node's public key, which the claimer gets, stands behind the proof.
    private var hasKey: Bool { files.answer.count > ClaimCode.proofCount }

    private func end(_ done: @escaping () -> Void) {
        files.end(on: worker) { [unowned(unsafe) self] in
            report()
            done()
        }
        ended()
    }

    // MARK: Attempts

    /// Judges an attempt. Each is judged, so that nobody's wrong ones keep the owner away; of the wrong ones one in a second is told so.
    /// - Parameter isFresh: whether the node gave a nonce out.
    func judge(_ attempt: [UInt8], by claimer: Fingerprint?, now: Int64, isFresh: ([UInt8]) -> Bool) -> ClaimAnswer {
        var nonce = [UInt8](repeating: 0, count: ClaimCode.nonceCount)
        guard let claimer else { return .no(.notFound) }
        let judgement = files.judge(attempt, by: claimer, of: node, nonce: &nonce)
        if judgement == .none { return .no(.notFound) }
        if judgement == .right, isFresh(nonce) { return hasKey && !isUnderWay ? .proof(files.answer) : .no(.serviceUnavailable) }
        refused += 1
        if refused & (refused - 1) == 0 {
            var line = Log("claim-refused")
            line.field("count", refused)
            line.write()
        }
        if now - lastRefusal < nanosecondsPerSecond { return .no(.tooManyRequests) }
        lastRefusal = now
        return .no(.forbidden)
    }

    /// Makes the claimer the first controller. When that is on the disk the code dies, and then there is an answer.
    func take(_ key: [UInt8], of claimer: Fingerprint, _ commander: Commander, done: @escaping (CommandResult) -> Void) {
        if isUnderWay { return done(.busy) }
        isUnderWay = true
        commander.claim(by: claimer, key: key, isFree: { [unowned(unsafe) self] in isClaimable && !files.isOwned }) { [unowned(unsafe) self] result in
            isUnderWay = false
            guard case .carriedOut = result else { return done(result) }
            var line = Log("claimed")
            line.field("controller", octets: claimer.hexadecimal)
            line.write()
            end { done(result) }
        }
    }
}
