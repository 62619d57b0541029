import CGPGME
import System

/// One run of gpg: what goes in, what comes out, what gpg said.
final class Operation {
    let purpose: Purpose
    let source: DataSource
    let sink: DataSink
    /// For symmetric encryption: answers gpg's question instead of the keys' passphrase.
    let passphrase: LockedMemory?
    /// Octets that the derivation hashes, for symmetric encryption.
    let derivationCount: Int64?
    /// How long it may take.
    var seconds = Bounds.openPGPSeconds
    /// Starts it on a context; the operation then runs through the loop.
    let start: (gpgme_ctx_t, Operation) -> gpgme_error_t
    /// Called once, on the loop, when gpg is done or could not be started.
    let finish: (Operation, _ code: UInt32) -> Void

    /// For a change of passphrase: answers the first question, `passphrase` all that follow.
    var oldPassphrase: LockedMemory?
    var report = StatusReport()
    /// Keys that a listing gave.
    var keys: [KeyDescription] = []
    /// For the one operation that GPGME wants a key object for: the listing keeps it here.
    var keepsKeyObject = false
    var keyObject: gpgme_key_t?

    /// What the operation needs of gpg.conf.
    enum Purpose { case signing, reading, encrypting }

    init(_ purpose: Purpose, source: DataSource = DataSource(.plain([])), sink: DataSink = DataSink(limit: 0), passphrase: LockedMemory? = nil,
         derivationCount: Int64? = nil, start: @escaping (gpgme_ctx_t, Operation) -> gpgme_error_t,
         finish: @escaping (Operation, UInt32) -> Void) {
        self.purpose = purpose
        self.source = source
        self.sink = sink
        self.passphrase = passphrase
        self.derivationCount = derivationCount
        self.start = start
        self.finish = finish
    }

    /// The answer to gpg's next question for a passphrase; nil when there is none for this operation in particular.
    func nextPassphrase() -> LockedMemory? {
        guard let old = oldPassphrase else { return passphrase }
        oldPassphrase = nil
        return old
    }

    deinit { gpgme_key_unref(keyObject) }

    /// What went wrong, for operations that have nothing more exact to say; nil when `code` is success.
    func failure(_ code: UInt32) -> GnuPGError? {
        if sink.isOverfull { return .tooLarge }
        if code == 0 { return nil }
        if report.badPassphrase { return .wrongPassphrase }
        if report.unusableSigner { return .unusableSigningKey }
        if report.unusableRecipient { return .unusableRecipient }
        if report.unsupported { return .unsupported }
        if report.agentMissing { return .programMissing }
        switch UInt32(code & 0xFFFF) {
        case GPG_ERR_TIMEOUT.rawValue: return .timedOut
        case GPG_ERR_NO_AGENT.rawValue: return .programMissing
        // gpg asks again after a wrong answer; a second one that is empty or missing ends it.
        case GPG_ERR_BAD_PASSPHRASE.rawValue, GPG_ERR_NO_PASSPHRASE.rawValue: return .wrongPassphrase
        case GPG_ERR_NO_DATA.rawValue, GPG_ERR_INV_PACKET.rawValue, GPG_ERR_BAD_DATA.rawValue: return .damaged
        case GPG_ERR_UNUSABLE_SECKEY.rawValue: return .unusableSigningKey
        case GPG_ERR_UNUSABLE_PUBKEY.rawValue: return .unusableRecipient
        default: return .engine(code: code)
        }
    }
}
