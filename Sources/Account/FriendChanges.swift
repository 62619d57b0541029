import CLinux
import GnuPG
import OpenPGP
import System

/// Adding, removing, following.
extension Friends {
    /// Adds a friend: the public key in `file` (binary or armored, exactly one, version 4) is stored in the group, signed by
    /// and encrypted to the account. What is known of the key already is joined with it, in every group; one with a subkey that another
    /// friend has is refused. Call `load` before, for that, and afterwards.
    public func add(_ file: [UInt8], to group: GroupName?, completion: @escaping (Result<KeyDescription, AccountError>) -> Void) {
        examine(file) { [self] result in
            guard case .success(let key) = result else { return completion(result) }
            do throws(AccountError) { try checkRoom(for: key.fingerprint, in: [group]) } catch { return completion(.failure(error)) }
            join(key.fingerprint, file) { [self] result in
                do throws(AccountError) {
                    let joined = try result.get()
                    let changes = KeyFileChanges(mau)
                    try write(joined, alsoTo: [group], changes)
                    do throws(SystemError) { try changes.run() } catch { throw .system(error) }
                    completion(.success(joined.key))
                } catch { completion(.failure(error)) }
            }
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
