import Account
import GnuPG
import OpenPGP
import Server

/// What the account says of who asks: friends, and the account itself from another device, see what is encrypted to them, to subkeys too that
/// have expired or been revoked since. A key that itself was revoked or has expired is nobody's.
final class FriendRights: Rights {
    private let friends: Friends
    private let account: UnlockedAccount

    init(friends: Friends, account: UnlockedAccount) {
        self.friends = friends
        self.account = account
    }

    var generation: UInt64 { friends.generation }

    func keyIDs(of fingerprint: Fingerprint) -> [KeyID]? {
        if fingerprint == account.fingerprint { return account.key.recipientKeyIDs }
        guard let key = friends.friend(fingerprint)?.key, !key.isRevoked, !key.isExpired else { return nil }
        return key.recipientKeyIDs
    }
}
