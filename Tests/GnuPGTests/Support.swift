import CLinux
import EventLoop
import OpenPGP
import System
import Testing
@testable import GnuPG

/// All suites that run gpg: one after the other.
@Suite(.serialized) struct WithGnuPG {}

final class SimulatedClock: Clock {
    var realtime: Int64
    var sinceBoot: Int64 = 0
    init(realtime: Int64) { self.realtime = realtime }
}

/// A path in Tests/Fixtures.
func fixturePath(_ path: String, _ file: StaticString = #filePath) -> String {
    var parts = "\(file)".split(separator: "/").map(String.init)
    parts.removeLast(2)
    return "/" + parts.joined(separator: "/") + "/Fixtures/" + path
}
func fixture(_ path: String) throws -> [UInt8] { try Files.read(fixturePath(path), limit: 1 << 20) }

func locked(_ text: String) throws -> LockedMemory {
    let memory = try LockedMemory(capacity: 256)
    #expect(Array(text.utf8).withUnsafeBytes { memory.append($0) })
    return memory
}

/// An engine with a home of its own in /dev/shm.
final class Peer {
    let loop: EventLoop
    let clock: NodeClock
    let directory: WorkingDirectory
    let gnupg: GnuPG

    init(clock: any Clock = SystemClock(), floor: Int64 = 0) throws {
        self.clock = NodeClock(clock: clock, floor: floor)
        loop = try EventLoop(clock: SystemClock())
        directory = try WorkingDirectory(runtime: "/dev/shm")
        gnupg = try GnuPG(home: directory.path, loop: loop, clock: self.clock)
    }

    /// A peer that holds a fixture's account and all public keys of the fixtures.
    convenience init(account: String, passphrase: String, inner: String? = nil, clock: any Clock = SystemClock(), floor: Int64 = 0) throws {
        try self.init(clock: clock, floor: floor)
        let memory = try LockedMemory(capacity: Bounds.keyFileSize)
        let file = try fixture("\(account)/.mau/account.pgp"), secret = try locked(passphrase)
        _ = try gnupg.wait { gnupg.decrypt(file, passphrase: secret, into: memory, unwrapOnly: false, completion: $0) } as UInt8?
        var key = Octets.secret(memory)
        let message = try LockedMemory(capacity: Bounds.keyFileSize)
        _ = try gnupg.wait { gnupg.decrypt(file, passphrase: secret, into: message, unwrapOnly: true, completion: $0) } as UInt8?
        if let exact = try? message.withBytes { try LiteralData(ofMessage: $0).contents() } { key = .plain(exact) }
        let innerSecret = try inner.map(locked)
        let fingerprints = try gnupg.wait { gnupg.importKeys(key, passphrase: innerSecret, completion: $0) }
        gnupg.keyPassphrase = innerSecret
        gnupg.account = try gnupg.wait { gnupg.listKeys(fingerprints[0], secret: true, completion: $0) }.first
        try importEveryone()
    }

    func importEveryone() throws {
        for name in ["gnupg24-gina", "gnupg24-prot", "gnupg24-subsig", "ref-alice", "ref-bob", "ref-carol", "ref-dave"] {
            let key = try fixture("keys/\(name).asc")
            _ = try gnupg.wait { gnupg.importKeys(key, completion: $0) }
        }
    }

    func open(_ message: [UInt8]) throws -> OpenedMessage { try gnupg.wait { gnupg.open(message, completion: $0) } }
    func sign(_ content: [UInt8], to recipients: [Fingerprint] = []) throws -> SignedMessage {
        try gnupg.wait { gnupg.sign(content, recipients: recipients, completion: $0) }
    }
}

let alice = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
let carol = Fingerprint("d954fcaae5ecce317b1a92dc2753a65a37372912")!
let gina = Fingerprint("3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c")!
let subsig = Fingerprint("c8a510197cdd94bd2470b8254df00c9034404f75")!
let prot = Fingerprint("032681c4e0ecf1d68b1447d957d7049c4e098ad0")!
