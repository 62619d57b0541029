import CLinux
import GnuPG
import OpenPGP
import System

/// A friend: a key that the account vouches for.
public struct Friend {
    public internal(set) var key: KeyDescription
    /// The groups it is in; empty when it only lies in `.mau` itself.
    public internal(set) var groups: [GroupName]
    /// It also lies in `.mau` itself.
    public internal(set) var isUngrouped: Bool
    public var fingerprint: Fingerprint { key.fingerprint }
}

/// A file below `.mau` that is no friend's key: it is skipped, and someone should know.
public struct OddFile {
    /// Relative to `.mau`.
    public let path: String
    public let reason: Message
}

/// The friends of an account: `.mau/<fpr>.pgp` and `.mau/<group>/<fpr>.pgp`, each a public key signed by the account and
/// encrypted to it.
///
/// At most `Bounds.friends` files in `Bounds.groups` groups are read; more are reported as odd. That a key is a friend's is
/// proven by our signature; that it is in a group only by the directory that the file lies in.
public final class Friends {
    public let mau: MauDirectory
    let gnupg: GnuPG
    /// The account's own fingerprint.
    let owner: Fingerprint
    public internal(set) var all: [Friend] = []
    public internal(set) var oddFiles: [OddFile] = []
    /// Controllers who were removed by a command since the start: the answer is still for them, nothing else is.
    public internal(set) var former: [KeyDescription] = []
    private var isLoading = false
    /// `generation` when the loading that is under way began.
    private var generationAtStart: UInt64 = 0
    /// Changes whenever `all` does.
    public internal(set) var generation: UInt64 = 1

    /// - Parameter gnupg: holds the account's keys; friends' keys are imported there.
    public init(_ mau: MauDirectory, gnupg: GnuPG, owner: Fingerprint) {
        self.mau = mau
        self.gnupg = gnupg
        self.owner = owner
    }

    // MARK: Asking

    public func friend(_ fingerprint: Fingerprint) -> Friend? { all.first { $0.fingerprint == fingerprint } }

    /// The friends in a group, those whose keys can no longer be used too.
    public func members(of group: GroupName) -> [Friend] { all.filter { $0.groups.contains(group) } }

    /// Whether the friend's files are kept in sync: its directory is there.
    public func isFollowed(_ fingerprint: Fingerprint) -> Bool {
        guard let status = try? Files.status(mau.content(of: fingerprint)) else { return false }
        return status.kind == UInt32(MAUD_FILE_DIRECTORY)
    }

    // MARK: Loading

    /// One file that is read: where it lies, and what was in it.
    struct KeyFile {
        let group: GroupName?
        let name: Fingerprint
        /// Nanoseconds since 1970.
        let modificationTime: Int64
        var key: [UInt8] = []
        var path: String { (group.map { "\($0.description)/" } ?? "") + "\(name.description).pgp" }
    }

    /// Reads all friends again and imports their keys: one gpg for each file, one to look at the keys, one to import.
    /// The old state stays until the new one is complete. Call it again after changes below `.mau`; while one is
    /// under way `.busy` is the answer.
    public func load(completion: @escaping (Result<Void, AccountError>) -> Void) {
        if isLoading { return completion(.failure(.gnupg(.busy))) }
        var odd: [OddFile] = []
        let files: [KeyFile]
        do throws(SystemError) { files = try listFiles(&odd) } catch { return completion(.failure(.system(error))) }
        isLoading = true
        generationAtStart = generation
        open(files, at: 0, opened: [], odd) { [self] result in
            isLoading = false
            completion(result)
        }
    }

    /// Opens the files one after the other, so that other operations find room in gpg's queue.
    private func open(_ files: [KeyFile], at index: Int, opened: [KeyFile], _ odd: [OddFile], completion: @escaping (Result<Void, AccountError>) -> Void) {
        guard index < files.count else { return describe(opened, odd, completion: completion) }
        var file = files[index], odd = odd
        let message: [UInt8]
        do throws(SystemError) { message = try Files.read("\(mau.keys)/\(file.path)", limit: Bounds.keyFileSize) } catch {
            odd.append(OddFile(path: file.path, reason: error.description))
            return open(files, at: index + 1, opened: opened, odd, completion: completion)
        }
        gnupg.open(message, limit: Bounds.keyFileSize) { [self] result in
            var opened = opened, odd = odd
            switch result {
            case .success(let content) where content.signer == owner && content.wasEncrypted:
                file.key = content.content
                opened.append(file)
            case .success: odd.append(OddFile(path: file.path, reason: "it is not signed by and encrypted to the account"))
            case .failure(.busy): return completion(.failure(.gnupg(.busy)))
            case .failure(let error): odd.append(OddFile(path: file.path, reason: error.description))
            }
            open(files, at: index + 1, opened: opened, odd, completion: completion)
        }
    }

    /// Whose encryption subkey a key carries beside its own: the account's, or that of a friend who was there before. Anybody can put a
    /// public subkey of another into a key, as only its own primary key signs for it (RFC 9580, section 10.1.5).
    private func owner(ofSubkeyIn key: KeyDescription, _ file: KeyFile, _ files: [KeyFile], _ keys: [KeyDescription]) -> Fingerprint? {
        if let account = gnupg.account, account.shares(key) { return owner }
        for (other, theirs) in zip(files, keys) where theirs.fingerprint != key.fingerprint && theirs.shares(key) {
            if other.modificationTime < file.modificationTime { return theirs.fingerprint }
            if other.modificationTime == file.modificationTime, other.path.utf8.lexicographicallyPrecedes(file.path.utf8) { return theirs.fingerprint }
        }
        return nil
    }

    /// What the keys are, all at once; one by one when some file is not exactly one key.
    private func describe(_ files: [KeyFile], _ odd: [OddFile], completion: @escaping (Result<Void, AccountError>) -> Void) {
        if files.isEmpty { return finish([], [], odd, completion: completion) }
        gnupg.describeKeys(in: files.flatMap { $0.key }) { [self] result in
            if case .success(let keys) = result, keys.count == files.count {
                return finish(files, keys, odd, completion: completion)
            }
            describe(files, at: 0, [], [], odd, completion: completion)
        }
    }

    private func describe(_ files: [KeyFile], at index: Int, _ good: [KeyFile], _ keys: [KeyDescription], _ odd: [OddFile],
                          completion: @escaping (Result<Void, AccountError>) -> Void) {
        guard index < files.count else { return finish(good, keys, odd, completion: completion) }
        gnupg.describeKeys(in: files[index].key) { [self] result in
            if case .failure(.busy) = result { return completion(.failure(.gnupg(.busy))) }
            guard case .success(let found) = result, found.count == 1 else {
                let odd = odd + [OddFile(path: files[index].path, reason: "it is not exactly one OpenPGP key")]
                return describe(files, at: index + 1, good, keys, odd, completion: completion)
            }
            describe(files, at: index + 1, good + [files[index]], keys + found, odd, completion: completion)
        }
    }

    /// Who the friends are by their files, and their keys to import; what is no friend's key is odd.
    private func accepted(_ files: [KeyFile], _ keys: [KeyDescription], _ odd: inout [OddFile]) -> (friends: [Friend], ring: [UInt8]) {
        var friends: [Friend] = [], ring: [UInt8] = []
        for (file, key) in zip(files, keys) {
            guard key.fingerprint == file.name, !key.isSecret, key.fingerprint != owner else {
                odd.append(OddFile(path: file.path, reason: key.isSecret ? "it holds a secret key" : "it holds another key than its name says"))
                continue
            }
            if let other = owner(ofSubkeyIn: key, file, files, keys) {
                odd.append(OddFile(path: file.path, reason: "it carries a subkey of \(other.hexadecimal), and would get that one's files"))
                continue
            }
            ring.append(contentsOf: file.key)
            let index: Int
            if let known = friends.firstIndex(where: { $0.fingerprint == key.fingerprint }) { index = known } else {
                index = friends.count
                friends.append(Friend(key: key, groups: [], isUngrouped: false))
            }
            if let group = file.group { friends[index].groups.append(group) } else { friends[index].isUngrouped = true }
        }
        return (friends, ring)
    }

    private func finish(_ files: [KeyFile], _ keys: [KeyDescription], _ odd: [OddFile], completion: @escaping (Result<Void, AccountError>) -> Void) {
        var odd = odd
        let (accepted, ring) = accepted(files, keys, &odd)
        var friends = accepted
        let publish = { [self, odd] (keys: [KeyDescription]) in
            // A change was made meanwhile that these files do not show yet.
            if generation != generationAtStart { return completion(.failure(.gnupg(.busy))) }
            for index in friends.indices {
                // Two groups may have copies of different age: what gpg made of all of them together holds.
                if let key = keys.first(where: { $0.fingerprint == friends[index].fingerprint }) { friends[index].key = key }
            }
            all = friends
            generation += 1
            oddFiles = odd
            completion(.success(()))
        }
        if ring.isEmpty { return publish([]) }
        gnupg.importKeys(ring) { [self] result in
            if case .failure(let error) = result { return completion(.failure(.gnupg(error))) }
            gnupg.listKeys(secret: false) { result in
                switch result {
                case .success(let keys): publish(keys)
                case .failure(let error): completion(.failure(.gnupg(error)))
                }
            }
        }
    }
}
