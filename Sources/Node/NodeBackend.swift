import Account
import Board
import Content
import EventLoop
import GnuPG
import JSON
import OpenPGP
import Readings
import System

/// Publishing with the real things: GnuPG signs, the content store keeps, the friends are the audience.
final class NodeBackend: PublishingBackend {
    let clock: NodeClock
    let store: Store
    let gnuPG: GnuPG
    let friends: Friends
    private let account: Fingerprint
    private let loop: EventLoop
    private(set) var friendsAreLoaded = false
    private var retry: Timer?
    /// Called each time the friends have been read.
    var friendsLoaded: () -> Void = {}

    init(clock: NodeClock, store: Store, gnuPG: GnuPG, friends: Friends, account: Fingerprint, loop: EventLoop) {
        self.clock = clock
        self.store = store
        self.gnuPG = gnuPG
        self.friends = friends
        self.account = account
        self.loop = loop
    }

    /// Reads the friends' keys again. Private readings wait until the first time is over; public ones do not.
    func loadFriends() {
        let revoked = friends.all.filter { $0.key.isRevoked }.map { $0.fingerprint }
        friends.load { [unowned(unsafe) self] result in
            // Nobody must lose readings because gpg had too much to do, or because `.mau` changed while it was being read.
            if case .failure(.gnupg(.busy)) = result { return loadFriendsLater() }
            friendsAreLoaded = true
            if case .failure(let error) = result {
                var log = Log("friends-not-loaded")
                log.field("reason", error.description)
                log.write()
            }
            for odd in friends.oddFiles {
                var log = Log("odd-file")
                log.field("path", odd.path)
                log.field("reason", odd.reason)
                log.write()
            }
            for friend in friends.all where friend.key.isRevoked && !revoked.contains(friend.fingerprint) {
                var log = Log("friend-key-revoked")
                log.field("fingerprint", octets: friend.fingerprint.hexadecimal)
                log.write()
            }
            loadWhenKeyExpires()
            friendsLoaded()
        }
    }

    private func loadFriendsLater(after nanoseconds: Int64 = nanosecondsPerSecond) {
        let timer = retry ?? Timer { [unowned(unsafe) self] in loadFriends() }
        retry = timer
        loop.schedule(timer, after: nanoseconds)
    }

    /// A key or a subkey that expires has other rights from then on. Once a day at the latest, because clocks are set.
    private func loadWhenKeyExpires() {
        var next: Int64?
        for friend in friends.all where friend.key.nextExpiration != 0 { next = min(next ?? Int64.max, friend.key.nextExpiration) }
        guard let next else { return }
        let seconds = next - clock.now / nanosecondsPerSecond + 1
        // What has expired by our time and not by the system's (which gpg goes by) is looked at in an hour.
        loadFriendsLater(after: (seconds > 0 ? min(seconds, 86_400) : 3600) * nanosecondsPerSecond)
    }

    // MARK: What is stored

    /// The node's own directory; there is none before the store was started.
    private var own: Directory? { store.directory(account) }

    var totalOctets: Int64 { store.totals.octets }

    func entry(_ name: [UInt8]) -> Entry? { name.withUnsafeBytes { own?.entry($0) } }

    func forEachStored(from first: [UInt8], _ body: (UnsafeRawBufferPointer, StoredBatch) -> Bool) {
        first.withUnsafeBytes { own?.forEachNamed(from: $0) { body($0, NodeBackend.batch($1)) } }
    }

    func isTaken(_ name: [UInt8]) -> Bool { name.withUnsafeBytes { own?.isTaken($0) == true } }

    private static func batch(_ entry: Entry) -> StoredBatch {
        StoredBatch(octets: entry.size, modificationTime: entry.modificationTime, isTimed: entry.isTimed, sum: entry.sum)
    }

    /// A public batch needs no gpg to be read.
    func audience(ofBatch name: BatchName, completion: @escaping (BatchAudience) -> Void) {
        guard let entry = entry(name.octets) else { return completion(.later) }
        guard entry.size <= Int64(Bounds.documentSize) else { return completion(.foreign) }
        let told: ([UInt8]) -> BatchAudience = { content in AudienceOfDocument.audience(content, of: name).map { .told($0) } ?? .foreign }
        guard let message = read(entry) else { return completion(.later) }
        if entry.isPublic { return completion(NodeBackend.content(ofPublic: message).map(told) ?? .foreign) }
        gnuPG.open(message, limit: Bounds.documentSize) { [unowned(unsafe) self] result in
            switch result {
            case .success(let opened): completion(opened.signer == account ? told(opened.content) : .foreign)
            case .failure(.busy), .failure(.timedOut), .failure(.system): completion(.later)
            case .failure(.notSigned), .failure(.badSignature), .failure(.severalSignatures), .failure(.unknownSigner): completion(.foreign)
            case .failure: completion(friendsAreLoaded ? .unreadable(recipients: recipients(of: entry)) : .later)
            }
        }
    }

    /// The account, and the friends among those whom a file is encrypted to.
    private func recipients(of entry: Entry) -> [Fingerprint] {
        var recipients = [account]
        for friend in friends.all where entry.recipients.contains(where: { friend.key.recipientKeyIDs.contains($0) }) {
            recipients.append(friend.fingerprint)
        }
        return recipients
    }

    func read(_ entry: Entry) -> [UInt8]? {
        guard entry.size <= Int64(Bounds.documentSize), let own, let file = own.openFile(entry) else { return nil }
        return try? file.readToEnd(limit: Bounds.documentSize)
    }

    /// What a public file of ours says now, without asking gpg: only to see whether it must be written anew.
    func publicContent(_ name: [UInt8]) -> [UInt8]? {
        guard let entry = entry(name), entry.isPublic, let message = read(entry) else { return nil }
        return NodeBackend.content(ofPublic: message)
    }

    private static func content(ofPublic message: [UInt8]) -> [UInt8]? {
        message.withUnsafeBytes { (raw) -> [UInt8]? in
            guard let literal = try? LiteralData(ofMessage: raw) else { return nil }
            return try? literal.contents()
        }
    }

    // MARK: Publishing

    /// Whom a message for this audience is encrypted to: nobody when it is for everyone, else at least the account itself.
    func recipients(of audience: Audience) -> [Fingerprint] {
        switch audience {
        case .everyone: []
        case .group(let name): [account] + usable(GroupName(name).map { friends.members(of: $0) } ?? [])
        case .fingerprints(let fingerprints): [account] + usable(fingerprints.compactMap { friends.friend($0) })
        }
    }

    /// Friends whose key can be encrypted to now: one that expired or was revoked must not keep the others from their readings.
    private func usable(_ friends: [Friend]) -> [Fingerprint] {
        friends.filter { $0.key.encryptionDefect == nil }.map { $0.fingerprint }
    }

    func sign(_ document: [UInt8], for audience: Audience, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void) {
        if case .everyone = audience {} else if !friendsAreLoaded { return completion(.failure(.busy)) }
        sign(document, to: recipients(of: audience), completion: completion)
    }

    func sign(_ document: [UInt8], to recipients: [Fingerprint], completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void) {
        gnuPG.sign(document, recipients: recipients) { result in
            switch result {
            case .success(let message): completion(.success(message.octets))
            case .failure(.busy): completion(.failure(.busy))
            case .failure(let error): completion(.failure(.failed(error.description)))
            }
        }
    }

    func store(_ name: [UInt8], _ message: [UInt8], replacing: Bool, completion: @escaping (Result<StoredBatch, PublishingFailure>) -> Void) {
        guard let fileName = try? FileName(name) else { return completion(.failure(.failed("not a file name"))) }
        store.put(fileName, message, keepingVersions: replacing, exclusive: !replacing) { result in
            switch result {
            case .success(let entry):
                completion(.success(NodeBackend.batch(entry)))
            case .failure(let error): completion(.failure(NodeBackend.failure(error)))
            }
        }
    }

    func remove(_ names: [[UInt8]], completion: @escaping (PublishingFailure?) -> Void) {
        store.remove(names.compactMap { try? FileName($0) }) { result in
            if case .failure(let error) = result { completion(NodeBackend.failure(error)) } else { completion(nil) }
        }
    }

    private static func failure(_ error: ContentError) -> PublishingFailure {
        switch error {
        case .noSpace, .directoryFull: .noSpace
        case .exists: .exists
        case .busy, .notReady: .busy
        case .tooLarge, .nameTooLong, .system: .failed(error.description)
        }
    }
}
