import CGPGME
import OpenPGP
import System

/// Opening messages: decrypting, verifying, and giving the exact octets.
extension GnuPG {
    /// Decrypts (when it is encrypted) and verifies a message that carries exactly one good signature of a key in the home.
    ///
    /// Keys and signatures from our future count, because our clock may be unset. `gpg -d` drops carriage returns of
    /// literals in modes `t` and `u`: then a second run takes off the encryption alone, and the content comes from
    /// our own packet reader. That is the content that was verified: both runs read the same octets, the signature covers
    /// the exact literal, and the two results must agree but for carriage returns.
    ///
    /// - Parameters:
    ///   - limit: octets the content may have at most.
    ///   - seconds: how long gpg may take.
    public func open(_ message: [UInt8], limit: Int = Bounds.fileSize, seconds: Int = Bounds.openPGPSeconds, completion: @escaping Completion<OpenedMessage>) {
        let isEncrypted: Bool
        do throws(GnuPGError) { isEncrypted = try GnuPG.isEncrypted(message) } catch { return completion(.failure(error)) }
        let operation = Operation(.reading, source: DataSource(.plain(message)), sink: DataSink(limit: limit), start: { context, operation in
            isEncrypted ? gpgme_op_decrypt_verify_start(context, operation.source.handle, operation.sink.handle)
                : gpgme_op_verify_start(context, operation.source.handle, nil, operation.sink.handle)
        }, finish: { operation, code in
            let signer: Fingerprint
            do throws(GnuPGError) { signer = try operation.openedBy(code, isEncrypted) } catch { return completion(.failure(error)) }
            let content = operation.sink.takeOctets()
            let time = operation.report.signatureTime * nanosecondsPerSecond
            if operation.report.literalMode == UInt8(ascii: "b") {
                return completion(.success(OpenedMessage(content: content, signer: signer, time: time, wasEncrypted: isEncrypted)))
            }
            self.unwrapped(message, isEncrypted, limit) { result in
                completion(result.flatMap { inner in
                    guard let exact = GnuPG.exactContent(of: inner, verified: content, limit: limit) else { return .failure(.inexactText) }
                    return .success(OpenedMessage(content: exact, signer: signer, time: time, wasEncrypted: isEncrypted))
                })
            }
        })
        operation.seconds = seconds
        submit(operation, completion)
    }

    /// Decrypts (when it is encrypted) and verifies a message in a file, as `open` does, and keeps nothing of its content: memory stays
    /// the same however large the file is.
    ///
    /// - Parameters:
    ///   - file: open until `completion` is called.
    ///   - count: octets of the file.
    ///   - head: its first octets, at least a packet's header.
    ///   - limit: octets that the content may have; with more gpg is stopped and the answer is `tooLarge`.
    public func verify(file: Int32, count: Int, head: UnsafeRawBufferPointer, limit: Int, completion: @escaping Completion<VerifiedMessage>) {
        let isEncrypted: Bool
        do throws(GnuPGError) { isEncrypted = try GnuPG.isEncrypted(head, total: count) } catch { return completion(.failure(error)) }
        let sink = DataSink(limit: limit, isDiscarded: true)
        submit(Operation(.reading, source: DataSource(.file(descriptor: file, count: count)), sink: sink, start: { context, operation in
            isEncrypted ? gpgme_op_decrypt_verify_start(context, operation.source.handle, operation.sink.handle)
                : gpgme_op_verify_start(context, operation.source.handle, nil, operation.sink.handle)
        }, finish: { operation, code in
            let signer: Fingerprint
            do throws(GnuPGError) { signer = try operation.openedBy(code, isEncrypted) } catch { return completion(.failure(error)) }
            completion(.success(VerifiedMessage(signer: signer, time: operation.report.signatureTime * nanosecondsPerSecond, contentOctets: operation.sink.count)))
        }), completion)
    }

    /// The message without its encryption.
    private func unwrapped(_ message: [UInt8], _ isEncrypted: Bool, _ limit: Int, _ completion: @escaping Completion<[UInt8]>) {
        if !isEncrypted { return completion(.success(message)) }
        let sink = DataSink(limit: limit + limit / 8 + 64 << 10)
        engine.proceed(Operation(.reading, source: DataSource(.plain(message)), sink: sink, start: { context, operation in
            gpgme_op_decrypt_ext_start(context, GPGME_DECRYPT_UNWRAP, operation.source.handle, operation.sink.handle)
        }, finish: { operation, code in
            if let error = operation.failure(code) { return completion(.failure(error)) }
            completion(.success(operation.sink.takeOctets()))
        }))
    }

    /// The contents of the literal packet of an unencrypted message, when they are `verified` but for carriage returns.
    static func exactContent(of message: [UInt8], verified: [UInt8], limit: Int) -> [UInt8]? {
        let content: [UInt8]? = message.withUnsafeBytes { octets in
            do throws(PacketError) {
                var reader = PacketReader(octets)
                guard let first = try reader.next() else { return nil }
                if first.type != .compressedData { return try LiteralData(ofMessage: octets).contents() }
                return literalContent(of: try CompressedData.head(first, limit: limit + 64 << 10))
            } catch { return nil }
        }
        guard let content, content.lazy.filter({ $0 != 0x0D }).elementsEqual(verified.lazy.filter { $0 != 0x0D }) else { return nil }
        return content
    }

    private static func literalContent(of message: [UInt8]) -> [UInt8]? {
        message.withUnsafeBytes { octets in
            do throws(PacketError) { return try LiteralData(ofMessage: octets).contents() } catch { return nil }
        }
    }

    /// Tells from the first packet whether a message is encrypted. Only binary OpenPGP is a Mau file.
    static func isEncrypted(_ message: [UInt8]) throws(GnuPGError) -> Bool {
        try message.withUnsafeBufferPointer { (octets) throws(GnuPGError) in try isEncrypted(UnsafeRawBufferPointer(octets), total: octets.count) }
    }

    /// The same from the first octets of a message of `total`.
    static func isEncrypted(_ message: UnsafeRawBufferPointer, total: Int) throws(GnuPGError) -> Bool {
        guard let first = message.first else { throw .damaged }
        if first == UInt8(ascii: "-") { throw .armored }
        var reader = PacketReader(message, total: total), type: PacketType?
        do throws(PacketError) {
            while type == nil, let packet = try reader.next() {
                if packet.type != .marker, packet.type != .padding { type = packet.type }
            }
        } catch { type = nil }
        guard let type else { throw .damaged }
        switch type {
        case .publicKeyEncryptedSessionKey, .encryptedAndProtectedData, .gnupgEncryptedData: return true
        case .onePassSignature, .signature, .compressedData, .literalData: return false
        case .symmetricKeyEncryptedSessionKey: throw .notForUs
        default: throw .damaged
        }
    }
}

extension Operation {
    /// Who signed what this operation opened, or why it is refused.
    fileprivate func openedBy(_ code: UInt32, _ isEncrypted: Bool) throws(GnuPGError) -> Fingerprint {
        if sink.isOverfull { throw .tooLarge }
        // What gpg had not said by then says nothing about the message.
        if code == GPG_ERR_TIMEOUT.rawValue { throw .timedOut }
        // Somebody ended it, for want of memory mostly.
        if report.saidNothing { throw .engine(code: GPG_ERR_EOF.rawValue) }
        if isEncrypted, !report.isDecrypted {
            if report.unsupported { throw .unsupported }
            // That there is no secret key of the other recipients is always so.
            if report.hasSessionKey, report.decryptionFailed { throw .damaged }
            throw report.noSecretKey && !report.hasSessionKey ? .notForUs : failure(code) ?? .damaged
        }
        if isEncrypted, report.decryptionFailed { throw .damaged }
        let signer = try report.verifiedSigner()
        // gpg may have found more: a good signature in a message that ends badly is none.
        if code != 0, UInt32(code) != GPG_ERR_NO_ERROR.rawValue { throw failure(code) ?? .damaged }
        return signer
    }
}
