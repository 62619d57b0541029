import CGPGME
import OpenPGP
import System

/// Encryption with a passphrase: the account file.
extension GnuPG {
    /// Encrypts with AES-256 under a passphrase (iterated and salted S2K with SHA-256), literal mode `b`, not compressed.
    ///
    /// - Parameter derivationCount: octets that the derivation hashes; `PassphraseDerivation` knows which can be encoded.
    public func encrypt(_ content: Octets, passphrase: LockedMemory, derivationCount: Int64, completion: @escaping Completion<[UInt8]>) {
        let flags = gpgme_encrypt_flags_t(GPGME_ENCRYPT_SYMMETRIC.rawValue | GPGME_ENCRYPT_NO_COMPRESS.rawValue)
        submit(Operation(.encrypting, source: DataSource(content), sink: DataSink(limit: 2 * Bounds.keyFileSize), passphrase: passphrase,
                         derivationCount: derivationCount, start: { context, operation in
            gpgme_op_encrypt_start(context, nil, flags, operation.source.handle, operation.sink.handle)
        }, finish: { operation, code in
            if let error = operation.failure(code) { return completion(.failure(error)) }
            completion(.success(operation.sink.takeOctets()))
        }), completion)
    }

    /// Takes the encryption under a passphrase off: the exact message inside goes to locked memory, packets and all.
    ///
    /// - Parameter unwrapOnly: true gives the message inside; false its content, as gpg gives it, which is exact only
    ///   when the result says so.
    /// - Returns: the mode octet of the literal (nil with `unwrapOnly`).
    public func decrypt(_ message: [UInt8], passphrase: LockedMemory, into memory: LockedMemory, unwrapOnly: Bool,
                        completion: @escaping Completion<UInt8?>) {
        let flags = unwrapOnly ? GPGME_DECRYPT_UNWRAP : gpgme_decrypt_flags_t(0)
        submit(Operation(.reading, source: DataSource(.plain(message)), sink: DataSink(limit: 0, secret: memory), passphrase: passphrase,
                         start: { context, operation in
            gpgme_op_decrypt_ext_start(context, flags, operation.source.handle, operation.sink.handle)
        }, finish: { operation, code in
            if let error = operation.decryptionFailure(code) { return completion(.failure(error)) }
            completion(.success(operation.report.literalMode))
        }), completion)
    }
}

extension Operation {
    /// gpg tells a wrong passphrase from a damaged message only by a check of two octets at the start.
    fileprivate func decryptionFailure(_ code: UInt32) -> GnuPGError? {
        if sink.isOverfull { return .tooLarge }
        if code == 0, report.isDecrypted, !report.decryptionFailed { return nil }
        if report.badPassphrase { return .wrongPassphrase }
        // Where gpg came to decrypting, or found no data, the message is to blame; else whatever kept gpg from it.
        if report.decryptionFailed || report.noData || report.literals > 0, !report.agentMissing { return report.unsupported ? .unsupported : .damaged }
        return failure(code) ?? .damaged
    }
}
