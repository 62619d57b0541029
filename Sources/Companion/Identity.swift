import Account
import GnuPG
import JSON
import Node
import OpenPGP
import System

/// The account itself and its friends: what `maud` does too, so that a person needs only `mau`.
package enum Identity {
    /// Makes an account where there is none.
    package static func create(_ place: Place, _ origin: NewIdentity) throws(CommandError) -> Fingerprint {
        do throws(SystemError) { try Files.makeDirectory(place.root) } catch { throw CommandError("cannot make \(place.root)", error) }
        return try origin.makeAccount(MauDirectory(place.root), passphraseFile: place.passphraseFile, runtime: place.runtime)
    }
}

extension Desk {
    /// The account's public key, binary: what others add as their friend.
    package func publicKey() throws(CommandError) -> [UInt8] {
        try session.finish { session.gnuPG.exportPublicKey(own, completion: $0) }
    }

    /// Takes a friend in, and follows it when asked to.
    package func addFriend(keyFile path: String, group: GroupName?, follows: Bool) throws(CommandError) -> Friend? {
        let file: [UInt8]
        do throws(SystemError) { file = try Files.read(path, limit: Bounds.keyFileSize) } catch { throw CommandError("cannot read the key file", error) }
        let key = try session.finish { friends.add(file, to: group, completion: $0) }
        if let defect = key.encryptionDefect { Desk.note("nothing can be encrypted to \(key.fingerprint.hexadecimal): \(defect)") }
        _ = try session.finish { friends.load(completion: $0) }
        if follows { try follow(key.fingerprint) }
        return friends.friend(key.fingerprint)
    }

    package func follow(_ fingerprint: Fingerprint) throws(CommandError) {
        do throws(AccountError) { try friends.follow(fingerprint) } catch { throw CommandError(error) }
    }

    package func unfollow(_ fingerprint: Fingerprint) throws(CommandError) {
        do throws(AccountError) { try friends.unfollow(fingerprint) } catch { throw CommandError(error) }
    }

    package func removeFriend(_ fingerprint: Fingerprint, from group: GroupName?) throws(CommandError) {
        do throws(AccountError) { try friends.remove(fingerprint, from: group) } catch { throw CommandError(error) }
    }

    /// The friend that a person named.
    package func friend(_ text: String) throws(CommandError) -> Friend {
        let devices = friends.all.map { KnownDevice(fingerprint: $0.fingerprint, friendName: $0.name, isFollowed: false, description: nil) }
        let fingerprint = try Selection(devices).device(text).fingerprint
        guard let friend = friends.friend(fingerprint) else { throw CommandError(.dataError, "\(text) is no friend") }
        return friend
    }

    /// A table of some friends, or an array of objects.
    package func list(_ some: [Friend], json asJSON: Bool) -> [UInt8] {
        if asJSON {
            var json = JSONWriter()
            json.beginArray()
            for friend in some { json.friend(friend, isFollowed: friends.isFollowed(friend.fingerprint)) }
            json.endArray()
            return json.bytes + [0x0A]
        }
        var table = Table(["friend", "fingerprint", "groups", "followed", "key"])
        for friend in some {
            table.add([friend.name, friend.fingerprint.description, friend.groups.isEmpty ? "-" : friend.groups.map(\.description).joined(separator: ","),
                       friends.isFollowed(friend.fingerprint) ? "yes" : "no", friend.state])
        }
        return table.octets
    }
}

extension Friend {
    fileprivate var state: String { key.isRevoked ? "revoked" : key.isExpired ? "expired" : "valid" }
}

extension JSONWriter {
    fileprivate mutating func friend(_ friend: Friend, isFollowed: Bool) {
        beginObject()
        member("fingerprint", friend.fingerprint.description)
        member("name", friend.name)
        member("userID", printable(friend.key.userID).text)
        key("groups")
        beginArray()
        for group in friend.groups { string(group.description) }
        endArray()
        member("isFollowed", isFollowed)
        member("key", friend.state)
        endObject()
    }

    /// `{"fingerprint": ...}`
    package static func fingerprint(_ fingerprint: Fingerprint) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("fingerprint", fingerprint.description)
        json.endObject()
        return json.bytes + [0x0A]
    }
}
