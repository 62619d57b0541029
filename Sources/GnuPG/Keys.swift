import CGPGME
import OpenPGP
import System

/// Keys: reading, importing, exporting, making.
extension GnuPG {
    /// Describes the keys of a key file without importing them; armored or binary.
    public func describeKeys(in file: [UInt8], completion: @escaping Completion<[KeyDescription]>) {
        describeKeys(.plain(file), completion: completion)
    }

    /// The same for secret keys, which stay in locked memory.
    public func describeKeys(_ file: Octets, completion: @escaping Completion<[KeyDescription]>) {
        submit(Operation(.reading, source: DataSource(file), start: { context, operation in
            gpgme_op_keylist_from_data_start(context, operation.source.handle, 0)
        }, finish: { operation, code in
            if let error = operation.failure(code) { return completion(.failure(error)) }
            completion(operation.keys.isEmpty ? .failure(.damaged) : .success(operation.keys))
        }), completion)
    }

    /// Imports public keys; returns their primary fingerprints. Imports of what is there already are fine.
    public func importKeys(_ file: [UInt8], completion: @escaping Completion<[Fingerprint]>) {
        importKeys(.plain(file), passphrase: nil, completion: completion)
    }

    /// Imports keys, secret ones too.
    ///
    /// - Parameter passphrase: of the secret keys in the file, when they have one. Without it such keys get `.wrongPassphrase`.
    public func importKeys(_ file: Octets, passphrase: LockedMemory?, completion: @escaping Completion<[Fingerprint]>) {
        submit(Operation(.reading, source: DataSource(file), passphrase: passphrase, start: { context, operation in
            gpgme_op_import_start(context, operation.source.handle)
        }, finish: { operation, code in
            // Without an answer gpg stores the key as it is and would ask again at each use.
            if operation.report.secretKeysRefused || (passphrase == nil && operation.report.needsPassphrase) { return completion(.failure(.wrongPassphrase)) }
            if let error = operation.failure(code) { return completion(.failure(error)) }
            completion(operation.report.keys.isEmpty ? .failure(.damaged) : .success(operation.report.keys))
        }), completion)
    }

    /// Imports public keys, joining them with what is there: user ids, signatures and subkeys are added, none is lost, a revocation stays.
    /// Tells whether there was anything new in them.
    public func joinKeys(_ file: [UInt8], completion: @escaping Completion<Bool>) {
        submit(Operation(.reading, source: DataSource(.plain(file)), start: { context, operation in
            gpgme_op_import_start(context, operation.source.handle)
        }, finish: { operation, code in
            if let error = operation.failure(code) { return completion(.failure(error)) }
            completion(operation.report.keys.isEmpty ? .failure(.damaged) : .success(operation.report.isNews))
        }), completion)
    }

    /// The public key with that fingerprint, binary.
    public func exportPublicKey(_ fingerprint: Fingerprint, completion: @escaping Completion<[UInt8]>) {
        submit(export(fingerprint, DataSink(limit: Bounds.keyFileSize), mode: 0) { operation, code in
            if let error = operation.failure(code) { return completion(.failure(error)) }
            let octets = operation.sink.takeOctets()
            completion(octets.isEmpty ? .failure(.damaged) : .success(octets))
        }, completion)
    }

    /// The secret key with that fingerprint into locked memory, binary. The keys in the home must have no passphrase.
    public func exportSecretKey(_ fingerprint: Fingerprint, into memory: LockedMemory, completion: @escaping Completion<Void>) {
        submit(export(fingerprint, DataSink(limit: 0, secret: memory), mode: gpgme_export_mode_t(GPGME_EXPORT_MODE_SECRET)) { operation, code in
            if let error = operation.failure(code) { return completion(.failure(error)) }
            completion(memory.count == 0 ? .failure(.damaged) : .success(()))
        }, completion)
    }

    private func export(_ fingerprint: Fingerprint, _ sink: DataSink, mode: gpgme_export_mode_t, finish: @escaping (Operation, UInt32) -> Void) -> Operation {
        let pattern = (fingerprint.hexadecimal + [0]).map { CChar(bitPattern: $0) }
        return Operation(.reading, sink: sink, start: { context, operation in
            pattern.withUnsafeBufferPointer { gpgme_op_export_start(context, $0.baseAddress, mode, operation.sink.handle) }
        }, finish: finish)
    }

    /// Describes the keys of the home that match; all secret keys when `fingerprint` is nil.
    public func listKeys(_ fingerprint: Fingerprint? = nil, secret: Bool, completion: @escaping Completion<[KeyDescription]>) {
        let pattern = ((fingerprint?.hexadecimal ?? []) + [0]).map { CChar(bitPattern: $0) }
        submit(Operation(.reading, start: { context, _ in
            pattern.withUnsafeBufferPointer { gpgme_op_keylist_start(context, fingerprint == nil ? nil : $0.baseAddress, secret ? 1 : 0) }
        }, finish: { operation, code in
            if let error = operation.failure(code) { return completion(.failure(error)) }
            completion(.success(operation.keys))
        }), completion)
    }

    /// Makes an identity without passphrase and without expiry: Ed25519 to sign and certify, Curve25519 to encrypt.
    ///
    /// - Parameters:
    ///   - name: UTF-8 without control characters.
    ///   - mail: the same, or nil.
    public func makeKey(name: [UInt8], mail: [UInt8]?, completion: @escaping Completion<Fingerprint>) {
        var text = Array<UInt8>("""
            <GnupgKeyParms format="internal">
            %no-protection
            Key-Type: EDDSA
            Key-Curve: ed25519
            Key-Usage: sign cert
            Subkey-Type: ECDH
            Subkey-Curve: cv25519
            Subkey-Usage: encrypt
            Expire-Date: 0
            Preferences: AES256 AES192 AES SHA512 SHA384 SHA256 Uncompressed

            """ as StaticString)
        text.append("Name-Real: ")
        text.append(contentsOf: name)
        if let mail {
            text.append("\nName-Email: ")
            text.append(contentsOf: mail)
        }
        text.append("\n</GnupgKeyParms>\n")
        text.append(0)
        let parameters = text.map { CChar(bitPattern: $0) }
        submit(Operation(.signing, start: { context, _ in
            parameters.withUnsafeBufferPointer { gpgme_op_genkey_start(context, $0.baseAddress, nil, nil) }
        }, finish: { operation, code in
            if let error = operation.failure(code) { return completion(.failure(error)) }
            guard let fingerprint = operation.report.keys.first else { return completion(.failure(.engine(code: GPG_ERR_GENERAL.rawValue))) }
            completion(.success(fingerprint))
        }), completion)
    }

    /// Gives the secret key in the home, and its subkeys, the passphrase `new`. GPGME wants a key object for that.
    ///
    /// - Parameter old: the present passphrase; it is asked for first when the key has one.
    public func changePassphrase(of fingerprint: Fingerprint, from old: LockedMemory?, to new: LockedMemory, completion: @escaping Completion<Void>) {
        let pattern = (fingerprint.hexadecimal + [0]).map { CChar(bitPattern: $0) }
        let listing = Operation(.reading, start: { context, _ in
            pattern.withUnsafeBufferPointer { gpgme_op_keylist_start(context, $0.baseAddress, 1) }
        }, finish: { listing, code in
            guard listing.failure(code) == nil, listing.keyObject != nil else { return completion(.failure(.damaged)) }
            let change = Operation(.reading, passphrase: new, start: { context, _ in gpgme_op_passwd_start(context, listing.keyObject, 0) },
                                   finish: { operation, code in
                if let error = operation.failure(code) { return completion(.failure(error)) }
                completion(.success(()))
            })
            change.oldPassphrase = old
            self.engine.proceed(change)
        })
        listing.keepsKeyObject = true
        submit(listing, completion)
    }
}
