import CLinux
import GnuPG
import OpenPGP
import System

/// A public key that may become a friend's, or renew one: joined with what was known of it, and ready to be stored.
public final class JoinedKey {
    public let key: KeyDescription
    /// There was something in it that was not known.
    public let isNews: Bool
    /// The key file: signed by the account and encrypted to it.
    let message: [UInt8]

    init(key: KeyDescription, isNews: Bool, message: [UInt8]) {
        self.key = key
        self.isNews = isNews
        self.message = message
    }
}

/// Looking at keys that come from outside.
extension Friends {
    /// Looks at a key file (binary or armored): exactly one public key of version 4, not the account's, without an encryption subkey of the
    /// account or of another friend. gpg checks its self-signatures and leaves out what they do not cover. Call `load` before.
    public func examine(_ file: [UInt8], completion: @escaping (Result<KeyDescription, AccountError>) -> Void) {
        if file.count > Bounds.keyFileSize { return completion(.failure(.notOneKey)) }
        gnupg.describeKeys(in: file) { [self] result in
            do throws(AccountError) { completion(.success(try examined(result))) } catch { completion(.failure(error)) }
        }
    }

    private func examined(_ result: Result<[KeyDescription], GnuPGError>) throws(AccountError) -> KeyDescription {
        switch result {
        case .failure(.damaged), .failure(.engine): throw .notOneKey
        case .failure(let error): throw .gnupg(error)
        case .success(let keys):
            if keys.contains(where: { $0.isSecret }) { throw .secretKey }
            guard keys.count == 1, let key = keys.first else { throw .notOneKey }
            if key.fingerprint == owner { throw .ownKey }
            if let account = gnupg.account, account.shares(key) { throw .sharedSubkey(owner) }
            if let other = all.first(where: { $0.fingerprint != key.fingerprint && $0.key.shares(key) }) { throw .sharedSubkey(other.fingerprint) }
            return key
        }
    }

    /// Joins a key that `examine` found good with what is known of it. A key never goes back that way: what an older copy lacks stays, a
    /// revocation most of all. What gpg exports is binary and without anything that does not belong to a public key.
    public func join(_ fingerprint: Fingerprint, _ file: [UInt8], completion: @escaping (Result<JoinedKey, AccountError>) -> Void) {
        let failed: (GnuPGError) -> Void = { completion(.failure(.gnupg($0))) }
        gnupg.joinKeys(file) { [self] result in
            guard case .success(let isNews) = result else { return failed(GnuPGError(result)) }
            gnupg.listKeys(fingerprint, secret: false) { [self] result in
                guard case .success(let keys) = result, let key = keys.first else { return failed(GnuPGError(result)) }
                gnupg.exportPublicKey(fingerprint) { [self] result in
                    guard case .success(let export) = result else { return failed(GnuPGError(result)) }
                    gnupg.sign(export, recipients: [owner]) { result in
                        guard case .success(let message) = result else { return failed(GnuPGError(result)) }
                        completion(.success(JoinedKey(key: key, isNews: isNews, message: message.octets)))
                    }
                }
            }
        }
    }

    /// Throws `tooMany` when there is no room for the key in one of the groups.
    func checkRoom(for fingerprint: Fingerprint, in groups: [GroupName?]) throws(AccountError) {
        var odd: [OddFile] = []
        do throws(SystemError) {
            let files = try listFiles(&odd)
            var fileCount = files.count, newGroups = 0
            for group in groups {
                if files.contains(where: { $0.name == fingerprint && $0.group == group }) { continue }
                fileCount += 1
                if fileCount > Bounds.friends { throw SystemError(code: ErrorNumber.quota, call: "friend") }
                guard let group, try Files.status(mau.keys(of: group)) == nil else { continue }
                newGroups += 1
                if try groupCount() + newGroups > Bounds.groups { throw SystemError(code: ErrorNumber.quota, call: "group") }
            }
        } catch { throw error.code == ErrorNumber.quota ? .tooMany : .system(error) }
    }

    private func groupCount() throws(SystemError) -> Int {
        let directory = try FileDescriptor.open(mau.keys, [.read, .directory])
        var count = 0
        try Files.forEachName(inDirectory: directory.rawValue) { (name) throws(SystemError) in
            if GroupName(String(cString: name)) != nil, try Files.status(String(cString: name), in: directory.rawValue)?.kind == UInt32(MAUD_FILE_DIRECTORY) { count += 1 }
            return true
        }
        return count
    }

    /// Writes a joined key everywhere the friend is, so that no older copy is left, and then into `groups`, one after the other.
    func write(_ joined: JoinedKey, alsoTo groups: [GroupName?], _ changes: KeyFileChanges) throws(AccountError) {
        let fingerprint = joined.key.fingerprint
        let files = try files(of: fingerprint)
        // The oldest: it stays what it is in the eyes of who else has one of its subkeys.
        var time: Int64 = 0
        for file in files where time == 0 || file.modificationTime < time { time = file.modificationTime }
        for file in files { changes.write(joined.message, fingerprint, file.group, time: time) }
        for group in groups where !files.contains(where: { $0.group == group }) { changes.write(joined.message, fingerprint, group, time: time) }
    }

    /// Where a friend's key lies.
    func files(of fingerprint: Fingerprint) throws(AccountError) -> [KeyFile] {
        var odd: [OddFile] = []
        do throws(SystemError) { return try listFiles(&odd).filter { $0.name == fingerprint } } catch { throw .system(error) }
    }
}

extension GnuPGError {
    /// Why an operation failed; `damaged` for one that succeeded and gave nothing.
    fileprivate init<Value>(_ result: Result<Value, GnuPGError>) {
        if case .failure(let error) = result { self = error } else { self = .damaged }
    }
}
