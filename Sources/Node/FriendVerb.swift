import Account
import GnuPG
import OpenPGP
import System

/// `maud friend`: who is a friend, in which groups, and whose files are kept in sync.
extension CommandLineInterface {
    static var friendVerb: Verb { Verb(
        name: "friend", summary: "add, list, remove, follow or unfollow friends",
        options: [
            CommonOptions.root, CommonOptions.passphraseFile,
            OptionDescription("--group", "NAME", "for add and remove: a group (controllers may command, viewers read what is private)"),
            CommonOptions.runtime,
        ], arguments: ["add|list|remove|follow|unfollow", "[KEYFILE|FINGERPRINT]"]) { (invocation) throws(CommandError) in
            try FriendCommand(invocation).run(invocation)
        }
    }
}

/// What `maud friend` was asked to do, checked before the account is unlocked.
private enum FriendCommand {
    case add(file: [UInt8], GroupName?)
    case list
    case remove(Fingerprint, GroupName?)
    case follow(Fingerprint)
    case unfollow(Fingerprint)

    init(_ invocation: Invocation) throws(CommandError) {
        let action = invocation.arguments[0]
        let group = try FriendCommand.group(invocation)
        if action.hasSameOctets(as: "list") {
            if invocation.arguments.count > 1 { throw CommandError(.usage, "friend list takes no argument") }
            if group != nil { throw CommandError(.usage, "friend list takes no --group") }
            self = .list
            return
        }
        let isAdd = action.hasSameOctets(as: "add"), isRemove = action.hasSameOctets(as: "remove"), isFollow = action.hasSameOctets(as: "follow")
        guard isAdd || isRemove || isFollow || action.hasSameOctets(as: "unfollow") else {
            throw CommandError(.usage, "friend takes add, list, remove, follow or unfollow, not \(printable(action))")
        }
        guard invocation.arguments.count > 1 else { throw CommandError(.usage, "KEYFILE or FINGERPRINT is missing") }
        let argument = invocation.arguments[1]
        if isAdd {
            self = .add(file: try FriendCommand.keyFile(argument), group)
            return
        }
        if !isRemove, group != nil { throw CommandError(.usage, "--group is for add and remove") }
        let fingerprint = try CommonOptions.fingerprint(argument)
        self = isRemove ? .remove(fingerprint, group) : isFollow ? .follow(fingerprint) : .unfollow(fingerprint)
    }

    private static func group(_ invocation: Invocation) throws(CommandError) -> GroupName? {
        guard let text = invocation.value("--group") else { return nil }
        guard let name = GroupName(text) else {
            throw CommandError(.usage, "\(printable(text)) is not a group's name (1 to 64 octets, no dot first, no separators or control characters)")
        }
        return name
    }

    private static func keyFile(_ path: String) throws(CommandError) -> [UInt8] {
        do throws(SystemError) { return try Files.read(path, limit: Bounds.keyFileSize) } catch { throw CommandError("cannot read the key file", error) }
    }

    func run(_ invocation: Invocation) throws(CommandError) {
        let session = try Session(invocation)
        let friends = Friends(MauDirectory(session.root), gnupg: session.gnuPG, owner: session.account.fingerprint)
        switch self {
        case .add(let file, let group):
            let friends = try session.friends()
            let key = try session.finish { friends.add(file, to: group, completion: $0) }
            // It may still sign what others read; a controller's answers and a viewer's files are encrypted.
            if let defect = CommandLineInterface.defect(key) { Output.standardError("maud: \(defect)\n" as Message) }
            try writeOutput(key.fingerprint.hexadecimal + [0x0A])
        case .list: try FriendCommand.list(try session.friends())
        case .remove(let fingerprint, let group):
            do throws(AccountError) { try friends.remove(fingerprint, from: group) } catch { throw CommandError(error) }
        case .follow(let fingerprint):
            let friends = try session.friends()
            do throws(AccountError) { try friends.follow(fingerprint) } catch { throw CommandError(error) }
        case .unfollow(let fingerprint):
            do throws(AccountError) { try friends.unfollow(fingerprint) } catch { throw CommandError(error) }
        }
    }

    /// A line a friend, separated by tabs: fingerprint, groups, followed or not, what is wrong with the key, user id.
    private static func list(_ friends: Friends) throws(CommandError) {
        for friend in friends.all {
            var line = friend.fingerprint.hexadecimal
            line.append(0x09)
            for (index, group) in friend.groups.enumerated() {
                if index > 0 { line.append(0x2C) }
                line.append(contentsOf: group.octets)
            }
            if friend.groups.isEmpty { line.append(0x2D) }
            line.append(friends.isFollowed(friend.fingerprint) ? "\tfollowed\t" : "\tnot followed\t")
            line.append(friend.key.isRevoked ? "revoked\t" : friend.key.isExpired ? "expired\t" : "valid\t")
            line.append(contentsOf: printable(friend.key.userID))
            line.append(0x0A)
            try writeOutput(line)
        }
    }
}
