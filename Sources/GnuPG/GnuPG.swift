import CGPGME
import EventLoop
import OpenPGP
import System

/// A message that was signed, and encrypted when it has recipients.
public struct SignedMessage {
    /// Binary OpenPGP.
    public let octets: [UInt8]
    /// The signature's time, in nanoseconds since 1970 (whole seconds).
    public let time: Int64
}

/// A message that was opened: its signature is good.
public struct OpenedMessage {
    /// The content, octet for octet as it was signed.
    public let content: [UInt8]
    /// The author's primary key, whichever of its keys signed.
    public let signer: Fingerprint
    /// The signature's time, in nanoseconds since 1970 (whole seconds).
    public let time: Int64
    public let wasEncrypted: Bool
}

/// A message whose signature is good, without its content.
public struct VerifiedMessage {
    /// The author's primary key, whichever of its keys signed.
    public let signer: Fingerprint
    /// The signature's time, in nanoseconds since 1970 (whole seconds).
    public let time: Int64
    public let contentOctets: Int

    public init(signer: Fingerprint, time: Int64, contentOctets: Int) {
        self.signer = signer
        self.time = time
        self.contentOctets = contentOctets
    }
}

/// OpenPGP by GnuPG: one home directory, one gpg process at a time, everything through the event loop.
///
/// Completions are called once, on the loop's thread, later or (when gpg cannot be started) before the call returns.
/// At most `Bounds.openPGPOperations` operations wait; one more gets `.busy`.
public final class GnuPG {
    public typealias Completion<Value> = (Result<Value, GnuPGError>) -> Void

    let engine: Engine

    /// - Parameters:
    ///   - home: GnuPG's home directory, in memory, that no other process uses.
    ///   - clock: the time of signatures; while it is unset they carry the floor plus the time since boot.
    public init(home: String, loop: EventLoop, clock: NodeClock) throws(GnuPGError) {
        engine = try Engine(home: home, loop: loop, clock: clock)
    }

    /// Who we are: signs everything and is a recipient of everything that is encrypted. Set once it is known.
    public var account: KeyDescription? {
        didSet { engine.signingKey = account?.signingKey }
    }

    /// The passphrase of the secret keys in the home; nil when they have none.
    public var keyPassphrase: LockedMemory? {
        get { engine.keyPassphrase }
        set { engine.keyPassphrase = newValue }
    }

    /// Operations that wait or run.
    public var pending: Int { engine.count }

    /// Runs the loop until an operation has completed: for commands that do one thing after the other.
    public func wait<Value>(_ start: (@escaping Completion<Value>) -> Void) throws(GnuPGError) -> Value {
        var result: Result<Value, GnuPGError>?
        start { result = $0 }
        while true {
            if let result { return try result.get() }
            do throws(SystemError) { try engine.loop.runOnce(wait: true) } catch { throw .system(error) }
        }
    }

    func submit<Value>(_ operation: Operation, _ completion: Completion<Value>) {
        do throws(GnuPGError) { try engine.submit(operation) } catch { completion(.failure(error)) }
    }

    // MARK: Signing

    /// Signs content: one-pass signature, literal (mode `b`), signature; never compressed, never armored.
    ///
    /// - Parameters:
    ///   - recipients: primary fingerprints of keys in the home; the message is then encrypted to them and to the
    ///     account. Empty: a public message.
    public func sign(_ content: [UInt8], recipients: [Fingerprint] = [], completion: @escaping Completion<SignedMessage>) {
        guard account?.signingKey != nil else { return completion(.failure(.unusableSigningKey)) }
        let limit = content.count + content.count / 8 + (recipients.count + 2) * 1024 + 4096
        let operation = Operation(.signing, source: DataSource(.plain(content)), sink: DataSink(limit: limit), start: { context, operation in
            if recipients.isEmpty { return gpgme_op_sign_start(context, operation.source.handle, operation.sink.handle, GPGME_SIG_MODE_NORMAL) }
            let flags = gpgme_encrypt_flags_t(GPGME_ENCRYPT_ALWAYS_TRUST.rawValue | GPGME_ENCRYPT_NO_COMPRESS.rawValue)
            return self.recipientText(recipients).withUnsafeBufferPointer { text in
                gpgme_op_encrypt_sign_ext_start(context, nil, text.baseAddress, flags, operation.source.handle, operation.sink.handle)
            }
        }, finish: { [engine] operation, code in
            if let error = operation.failure(code) {
                // A friend's key may have been made in our future: encryption alone does not mind.
                if case .unusableRecipient = error { return self.signThenEncrypt(content, recipients, limit, completion) }
                return completion(.failure(error))
            }
            let time = operation.report.signatureTime * nanosecondsPerSecond
            engine.clock.signed(at: time)
            completion(.success(SignedMessage(octets: operation.sink.takeOctets(), time: time)))
        })
        submit(operation, completion)
    }

    /// The same in two steps: the signature at the right time, then the encryption of the signed message.
    private func signThenEncrypt(_ content: [UInt8], _ recipients: [Fingerprint], _ limit: Int, _ completion: @escaping Completion<SignedMessage>) {
        sign(content) { result in
            guard case .success(let signed) = result else { return completion(result) }
            let encryption = Operation(.encrypting, source: DataSource(.plain(signed.octets)), sink: DataSink(limit: limit), start: { context, operation in
                let flags = gpgme_encrypt_flags_t(GPGME_ENCRYPT_ALWAYS_TRUST.rawValue | GPGME_ENCRYPT_NO_COMPRESS.rawValue | GPGME_ENCRYPT_WRAP.rawValue)
                return self.recipientText(recipients).withUnsafeBufferPointer { text in
                    gpgme_op_encrypt_ext_start(context, nil, text.baseAddress, flags, operation.source.handle, operation.sink.handle)
                }
            }, finish: { operation, code in
                if let error = operation.failure(code) { return completion(.failure(error)) }
                completion(.success(SignedMessage(octets: operation.sink.takeOctets(), time: signed.time)))
            })
            self.engine.proceed(encryption)
        }
    }

    /// Fingerprints a line, the account's first, ended by a NUL. "--" keeps GPGME from reading options.
    private func recipientText(_ recipients: [Fingerprint]) -> [CChar] {
        var text: [UInt8] = [0x2D, 0x2D]
        if let account {
            text.append(0x0A)
            text.append(contentsOf: account.fingerprint.hexadecimal)
        }
        for recipient in recipients where recipient != account?.fingerprint {
            text.append(0x0A)
            text.append(contentsOf: recipient.hexadecimal)
        }
        text.append(0)
        return text.map { CChar(bitPattern: $0) }
    }
}
