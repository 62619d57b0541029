import CLinux
import Content
import OpenPGP
import System

/// `<state>/sync`: how far each friend has been followed. A file that is lost or damaged costs one complete listing of each friend, and nothing
/// else. Format: 8 octets "maudsyn1"; for each friend 20 octets of fingerprint and 8 of seconds since 1970, in the machine's order; SHA-256 of all that.
final class SyncState {
    private static let magic: UInt64 = 0x6D61_7564_7379_6E31
    private static let recordOctets = Fingerprint.count + 8
    static let name = "sync"

    private let file: StateFile
    private var positions: [(Fingerprint, Int64)] = []

    /// Reads what is there. Nil when the directory cannot be used.
    init?(directory: String, store: Store) {
        guard let file = StateFile(directory: directory, name: SyncState.name, store: store) else { return nil }
        self.file = file
        read(file.read(limit: 8 + (Bounds.friends + 1) * SyncState.recordOctets + SHA256Sum.count))
    }

    private func read(_ octets: [UInt8]?) {
        guard let octets else { return }
        guard let found = SyncState.positions(in: octets) else { return Log("sync-state-not-used").write() }
        positions = found
    }

    /// What such a file says; nil when it is not a whole one.
    static func positions(in octets: [UInt8]) -> [(Fingerprint, Int64)]? {
        let end = octets.count - SHA256Sum.count
        guard end >= 8, (end - 8) % recordOctets == 0, SHA256Sum(of: Array(octets[..<end])).withBytes({ $0.elementsEqual(octets[end...]) }),
              number(octets[..<8]) == magic else { return nil }
        var found: [(Fingerprint, Int64)] = [], position = 8
        while position < end {
            let rest = octets[position..<(position + recordOctets)]
            position += recordOctets
            if let fingerprint = Fingerprint(octets: rest.prefix(Fingerprint.count)) { found.append((fingerprint, Int64(bitPattern: number(rest.suffix(8))))) }
        }
        return found
    }

    private static func number(_ octets: ArraySlice<UInt8>) -> UInt64 {
        var value: UInt64 = 0
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: octets) }
        return value
    }

    func since(_ fingerprint: Fingerprint) -> Int64? {
        for (owner, since) in positions where owner == fingerprint { return since }
        return nil
    }

    private func octets(_ friends: [FollowedFriend]) -> [UInt8] {
        var out: [UInt8] = []
        withUnsafeBytes(of: SyncState.magic) { out.append(contentsOf: $0) }
        for friend in friends {
            guard let since = friend.position else { continue }
            out.append(contentsOf: friend.fingerprint.octets)
            withUnsafeBytes(of: since) { out.append(contentsOf: $0) }
        }
        let sum = SHA256Sum(of: out)
        sum.withBytes { out.append(contentsOf: $0) }
        return out
    }

    /// Writes, by the worker, when what is on the disk would cost a friend more than an hour's files in a listing: what is known of
    /// them is not fetched again, and flash memory wears.
    func saveIfDue(_ friends: [FollowedFriend]) {
        guard friends.contains(where: { ($0.position ?? .min) / 3600 != (since($0.fingerprint) ?? .min) / 3600 }) else { return }
        positions = friends.compactMap { friend in friend.position.map { (friend.fingerprint, $0) } }
        file.save { [unowned(unsafe) self] in octets(friends) }
    }

    /// Writes now: blocks.
    func saveNow(_ friends: [FollowedFriend]) { file.saveNow(octets(friends)) }
}
