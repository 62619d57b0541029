import CLinux
import GnuPG
import OpenPGP
import System

/// Adding, removing, following.
extension Friends {
    /// Adds a friend: the public key in `file` (binary or armored, exactly one, version 4) is stored in the group, signed by
    /// and encrypted to the account. A key that is there already is replaced; one with a subkey that another friend has is refused.
    /// Call `load` before, for that, and afterwards.
    public func add(_ file: [UInt8], to group: GroupName?, completion: @escaping (Result<KeyDescription, AccountError>) -> Void) {
        if file.count > Bounds.keyFileSize { return completion(.failure(.notOneKey)) }
        gnupg.describeKeys(in: file) { [self] result in
            do throws(AccountError) {
                let key = try newFriend(result, group)
                importAndStore(key, file, group, completion: completion)
            } catch { completion(.failure(error)) }
        }
    }

    private func newFriend(_ result: Result<[KeyDescription], GnuPGError>, _ group: GroupName?) throws(AccountError) -> KeyDescription {
        switch result {
        case .failure(.damaged), .failure(.engine): throw .notOneKey
        case .failure(let error): throw .gnupg(error)
        case .success(let keys):
            if keys.contains(where: { $0.isSecret }) { throw .secretKey }
            guard keys.count == 1, let key = keys.first else { throw .notOneKey }
            if key.fingerprint == owner { throw .ownKey }
            if let account = gnupg.account, account.shares(key) { throw .sharedSubkey(owner) }
            if let other = all.first(where: { $0.fingerprint != key.fingerprint && $0.key.shares(key) }) { throw .sharedSubkey(other.fingerprint) }
            var odd: [OddFile] = []
            do throws(SystemError) {
                let files = try listFiles(&odd)
                let isThere = files.contains { $0.name == key.fingerprint && $0.group == group }
                if !isThere, files.count >= Bounds.friends { throw SystemError(code: ErrorNumber.quota, call: "friend") }
                if let group, try Files.status(mau.keys(of: group)) == nil, try groupCount() >= Bounds.groups { throw SystemError(code: ErrorNumber.quota, call: "group") }
            } catch { throw error.code == ErrorNumber.quota ? .tooMany : .system(error) }
            return key
        }
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

    /// What gpg exports is binary and without anything that does not belong to a public key.
    private func importAndStore(_ key: KeyDescription, _ file: [UInt8], _ group: GroupName?, completion: @escaping (Result<KeyDescription, AccountError>) -> Void) {
        gnupg.importKeys(file) { [self] result in
            if case .failure(let error) = result { return completion(.failure(.gnupg(error))) }
            gnupg.exportPublicKey(key.fingerprint) { [self] result in
                guard case .success(let export) = result else { return completion(result.map { _ in key }.mapError { .gnupg($0) }) }
                gnupg.sign(export, recipients: [owner]) { [self] result in
                    guard case .success(let message) = result else { return completion(result.map { _ in key }.mapError { .gnupg($0) }) }
                    do throws(SystemError) { try store(message.octets, key.fingerprint, group) } catch { return completion(.failure(.system(error))) }
                    completion(.success(key))
                }
            }
        }
    }

    private func store(_ message: [UInt8], _ fingerprint: Fingerprint, _ group: GroupName?) throws(SystemError) {
        let directory = mau.keys(of: group)
        do throws(SystemError) {
            if group != nil { try mau.makeDurably(directory, parent: mau.keys) }
            try DurableFile.write(message, to: "\(fingerprint.description).pgp", in: directory, temporaryDirectory: mau.path, existing: .replace)
        } catch {
            if group != nil { mau.removeIfEmpty(directory) }
            throw error
        }
    }

    /// Removes a friend from one group, or (with nil) from `.mau` and every group. Its files and its directory stay.
    /// Call `load` afterwards.
    public func remove(_ fingerprint: Fingerprint, from group: GroupName?) throws(AccountError) {
        do throws(SystemError) {
            var odd: [OddFile] = []
            var removed = false
            for file in try listFiles(&odd) where file.name == fingerprint && (group == nil || file.group == group) {
                try Files.remove("\(mau.keys)/\(file.path)")
                try DurableFile.synchronize(mau.keys(of: file.group))
                removed = true
            }
            if !removed { throw SystemError(code: ErrorNumber.notFound, call: "unlink") }
        } catch { throw error.code == ErrorNumber.notFound ? .noSuchFriend(fingerprint) : .system(error) }
    }

    /// Follows a friend: its directory is a sign for whatever keeps it in sync. An unfollowed one's comes back with its files.
    public func follow(_ fingerprint: Fingerprint) throws(AccountError) {
        guard friend(fingerprint) != nil else { throw .noSuchFriend(fingerprint) }
        if isFollowed(fingerprint) { return }
        do throws(SystemError) {
            if try Files.status(mau.unfollowedContent(of: fingerprint)) != nil {
                try rename(mau.unfollowedContent(of: fingerprint), mau.content(of: fingerprint))
            } else {
                try mau.makeDurably(mau.content(of: fingerprint), parent: mau.path)
            }
        } catch { throw .system(error) }
    }

    /// Stops following: the directory gets a dot in front, its files stay. Works for one who is no friend any more.
    public func unfollow(_ fingerprint: Fingerprint) throws(AccountError) {
        if fingerprint == owner { throw .ownKey }
        guard isFollowed(fingerprint) else { throw .notFollowed(fingerprint) }
        do throws(SystemError) {
            guard try Files.status(mau.unfollowedContent(of: fingerprint)) == nil else { throw SystemError(code: ErrorNumber.exists, call: "rename") }
            try rename(mau.content(of: fingerprint), mau.unfollowedContent(of: fingerprint))
        } catch { throw error.code == ErrorNumber.exists ? .bothDirectories(fingerprint) : .system(error) }
    }

    private func rename(_ old: String, _ new: String) throws(SystemError) {
        _ = try check(maud_renameat(Files.currentDirectory, old, Files.currentDirectory, new), "rename", old)
        try DurableFile.synchronize(mau.path)
    }
}
