import Account
import Board
import CLinux
import Commands
import Content
import EventLoop
import GnuPG
import OpenPGP
import Readings
import System

/// What commands need, with the real things: GnuPG opens, the friends say who may command, the directories of friends keep.
final class CommandStore: CommandBackend {
    let backend: NodeBackend
    let account: UnlockedAccount
    let worker: Worker
    private let directories: FriendDirectories
    /// What `prepare` made, for `carryOut`.
    var prepared: ControllerChange?
    /// What was put into the directories of friends last: the store reports that as new.
    private var stored: [(name: [UInt8], friend: Fingerprint)] = []

    init(backend: NodeBackend, account: UnlockedAccount, worker: Worker) {
        self.backend = backend
        self.worker = worker
        self.account = account
        directories = FriendDirectories(root: backend.store.root, worker: worker)
    }

    var ownKeyIDs: [KeyID] { account.key.recipientKeyIDs }

    func keyIDs(ofFriend fingerprint: Fingerprint) -> [KeyID]? { backend.friends.friend(fingerprint)?.key.recipientKeyIDs }

    /// A friend who was removed may not command from that moment, not only once the friends have been read again.
    func isController(_ fingerprint: Fingerprint) -> Bool {
        guard let friend = backend.friends.friend(fingerprint), friend.groups.contains(.controllers), !friend.key.isRevoked, !friend.key.isExpired else { return false }
        let path = backend.friends.mau.keys(of: .controllers) + "/" + fingerprint.description + ".pgp"
        guard let status = try? Files.status(path) else { return false }
        return status.kind == UInt32(MAUD_FILE_REGULAR)
    }

    func open(_ message: [UInt8], completion: @escaping (Result<OpenedCommand, OpeningFailure>) -> Void) {
        backend.gnuPG.open(message, limit: Bounds.commandDocument, seconds: Bounds.commandOpeningSeconds) { result in
            switch result {
            case .success(let opened) where opened.wasEncrypted:
                completion(.success(OpenedCommand(content: opened.content, signer: opened.signer, signatureTime: opened.time / 1_000_000)))
            case .failure(.timedOut): completion(.failure(.endless))
            case .failure(.busy), .failure(.system), .failure(.programMissing): completion(.failure(.busy))
            default: completion(.failure(.refused))
            }
        }
    }

    func message(_ name: [UInt8]) -> [UInt8]? { backend.entry(name).flatMap { backend.read($0) } }
    func hasFile(_ name: [UInt8], of friend: Fingerprint) -> Bool { directories.has(name, of: friend) }
    func storeFile(_ name: [UInt8], _ message: [UInt8], of friend: Fingerprint, done: @escaping (Bool) -> Void) {
        if stored.count >= 4 * Bounds.commandsAtOnce { stored.removeFirst() }
        stored.append((name, friend))
        directories.put(name, message, of: friend, now: clock.now, done: done)
    }

    /// Whether a file that has arrived was put there by `storeFile`; asked once.
    func hasStored(_ name: [UInt8], of friend: Fingerprint) -> Bool {
        guard let index = stored.firstIndex(where: { $0.name == name && $0.friend == friend }) else { return false }
        stored.remove(at: index)
        return true
    }

    // MARK: The node's own files

    var clock: NodeClock { backend.clock }

    func file(_ name: [UInt8]) -> OwnFile? { backend.entry(name).map { OwnFile(sum: $0.sum, modificationTime: $0.modificationTime) } }

    func isFile(_ name: [UInt8], for friend: Fingerprint) -> Bool {
        guard let keys = keyIDs(ofFriend: friend), let entry = backend.entry(name) else { return false }
        return entry.recipients.contains { keys.contains($0) }
    }

    func forEachFile(_ prefix: [UInt8], _ body: ([UInt8], OwnFile) -> Bool) {
        backend.forEachStored(from: prefix) { name, file in
            name.starts(with: prefix) && body(Array(name), OwnFile(sum: file.sum, modificationTime: file.modificationTime))
        }
    }

    func sign(_ document: [UInt8], for audience: Audience, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void) {
        backend.sign(document, for: audience, completion: completion)
    }

    func store(_ name: [UInt8], _ message: [UInt8], replacing: Bool, completion: @escaping (Result<SHA256Sum, PublishingFailure>) -> Void) {
        backend.store(name, message, replacing: replacing) { completion($0.map { $0.sum }) }
    }

    func remove(_ names: [[UInt8]], done: @escaping (Bool) -> Void) { backend.remove(names) { done($0 == nil) } }
}
