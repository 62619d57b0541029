import CLinux
import CMbedTLS
import EventLoop
import OpenPGP
import System

/// The claim code of a node, and whether it counts: as long as nobody's key lies in `controllers` (docs/claim.md, part 2).
public final class ClaimFiles {
    private let claim: OpaquePointer?
    /// The code with the node's fingerprint, terminated; nil: there is none that counts.
    private var present: UnsafePointer<CChar>?
    /// Who waits for the removal that is under way: its one job may be submitted once.
    private var removing: [() -> Void] = []
    /// The node's proof, and whatever is put behind it.
    public var answer = [UInt8](repeating: 0, count: Int(MAUD_CLAIM_PROOF))

    /// - Parameters:
    ///   - root: the Mau directory.
    ///   - file: where a person finds the code; empty: nowhere.
    public init(root: String, file: String) { claim = maud_claim_open(root, file) }

    deinit { if let claim { maud_claim_free(claim) } }

    /// Whether a key lies in `controllers`, of whatever use it is: one that was revoked was an owner's. That it cannot be told counts as yes.
    public var isOwned: Bool { claim.map { maud_claim_is_owned($0) } ?? true }

    /// The error number of what failed first; 0: nothing did.
    public var error: Int32 { claim.map { maud_claim_error($0) } ?? ErrorNumber.noMemory }

    /// Whether there is a code that counts.
    public var isClaimable: Bool { present != nil }

    /// `mau:<fingerprint>?claim=<code>`; empty when there is none.
    public var uri: [UInt8] { present.map { Message(cString: $0).octets } ?? [] }

    /// Looks for the code that is there, whosever it is.
    public func look() { present = claim.flatMap { maud_claim_look($0) } }

    /// Makes a code, durably; one that is there is void then.
    public func make(for node: Fingerprint) { present = claim.flatMap { maud_claim_make($0, node.octets) } }

    /// What holds at a start: the code, made when there is none, and shown; none with an owner: what a power cut kept from being removed goes now.
    public func begin(_ node: Fingerprint) { present = claim.flatMap { maud_claim_begin($0, node.octets) } }

    /// It does not count any more, and goes, on the worker. What that leaves goes at the next start.
    public func end(on worker: Worker, done: @escaping () -> Void) {
        present = nil
        guard let claim else { return done() }
        removing.append(done)
        if removing.count > 1 { return }
        do throws(SystemError) { try worker.submit(maud_claim_job(claim)) { [unowned(unsafe) self] in isRemoved() } } catch { isRemoved() }
    }

    private func isRemoved() {
        let waiting = removing
        removing = []
        for done in waiting { done() }
    }

    /// What an attempt proves.
    public enum Judgement {
        /// It has not the form of one, or there is no code.
        case none
        case wrong
        /// What proves that the node knows the code, too, is in `answer`.
        case right
    }

    /// Judges an attempt: 128 hexadecimal digits. `nonce` becomes the one of the node that it names.
    public func judge(_ attempt: [UInt8], by claimer: Fingerprint, of node: Fingerprint, nonce: inout [UInt8]) -> Judgement {
        guard let present, attempt.count == Int(MAUD_CLAIM_ATTEMPT), nonce.count == Int(MAUD_CLAIM_NONCE) else { return .none }
        let result = maud_claim_judge(present, claimer.octets, node.octets, attempt, &nonce, &answer)
        return result == 1 ? .right : result == 0 ? .wrong : .none
    }
}
