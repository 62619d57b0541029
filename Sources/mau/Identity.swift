import ArgumentParser
import Account
import Companion
import JSON
import Node
import OpenPGP
import System

struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make an identity of your own, or import one.",
        discussion: """
            Prints its fingerprint. It lies in the Mau directory, encrypted with a passphrase.

              mau init --name "Ada" --email ada@example.org
              mau init --import secret-key.pgp
            """)

    @Option(help: "The name in the user id.") var name: String?
    @Option(help: ArgumentHelp("The mail address in the user id.", valueName: "mail")) var email: String?
    @Option(name: .customLong("import"), help: ArgumentHelp("A secret key export, or an account.pgp that the passphrase opens.", valueName: "file"), completion: .file())
    var file: String?
    @Option(help: ArgumentHelp("The passphrase of the secret key to import, when it has one of its own.", valueName: "file"), completion: .file())
    var importPassphraseFile: String?
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if file == nil, name == nil { throw ValidationError("--name says who you are") }
        if file == nil, importPassphraseFile != nil { throw ValidationError("--import-passphrase-file needs --import") }
        if file != nil, name != nil || email != nil { throw ValidationError("an imported identity keeps its user id: --name and --email have no place with --import") }
    }

    func run() throws {
        let origin: NewIdentity = if let file { .file(file, passphraseFile: importPassphraseFile) } else { .user(name: name ?? "", mail: email) }
        let fingerprint = try Identity.create(account.place(), origin)
        try writeOutput(output.json ? JSONWriter.fingerprint(fingerprint) : fingerprint.hexadecimal + [0x0A])
    }
}

struct Key: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write your public key, binary: what a device adds as its friend.",
        discussion: "  mau key > ada.pgp              then, on the device: maud friend add --group controllers ada.pgp")

    @Option(help: ArgumentHelp("Where to (default: standard output).", valueName: "file"), completion: .file()) var output: String?
    @Flag(help: "Print the fingerprint as JSON in place of the key.") var json = false
    @OptionGroup(title: "Account") var account: AccountOptions

    func run() throws {
        let desk = try Desk(account.place())
        if json, output == nil { return try writeOutput(JSONWriter.fingerprint(desk.own)) }
        let key = try desk.publicKey()
        guard let output else { return try writeOutput(key) }
        do throws(SystemError) { try Files.write(key, to: output, mode: 0o644) } catch {
            throw CommandError(error.outputExitCode, "cannot write the key: \(error.description)")
        }
        if json { try writeOutput(JSONWriter.fingerprint(desk.own)) }
    }
}

/// Friends: devices and people.
struct FriendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "friend", abstract: "List, add, remove, follow and unfollow friends.",
        subcommands: [FriendList.self, FriendAdd.self, FriendRemove.self, FriendFollow.self, FriendUnfollow.self], defaultSubcommand: FriendList.self)

    static func group(_ name: String?) throws(CommandError) -> GroupName? {
        guard let name else { return nil }
        if let group = GroupName(name) { return group }
        throw CommandError(.usage, "\(name) is not a group's name (1 to 64 octets, no dot first, no separators or control characters)")
    }
}

struct FriendList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List your friends.")
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let desk = try Desk(account.place())
        try writeOutput(desk.list(desk.friends.all, json: output.json))
    }
}

struct FriendAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add a friend by its public key.",
        discussion: """
            Who a key belongs to, only you can know: take it from the device itself, not from the network.

              ssh greenhouse maud export --root mau --passphrase-file passphrase > greenhouse.pgp
              mau friend add --follow greenhouse.pgp
            """)
    @Argument(help: ArgumentHelp("The public key.", valueName: "keyfile"), completion: .file()) var keyFile: String
    @Option(help: "The group to add it to.") var group: String?
    @Flag(help: "Keep its files here from now on.") var follow = false
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let group = try FriendCommand.group(group)
        let desk = try Desk(account.place())
        if let friend = try desk.addFriend(keyFile: keyFile, group: group, follows: follow) { try writeOutput(desk.list([friend], json: output.json)) }
    }
}

/// A friend that a person named, to be changed.
struct FriendOptions: ParsableArguments {
    @Argument(help: "Its name, or the beginning of its fingerprint.") var friend: String
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup var output: OutputOptions

    func change(_ change: (Desk, Fingerprint) throws -> Void) throws {
        let desk = try Desk(account.place())
        let one = try desk.friend(friend)
        try change(desk, one.fingerprint)
        if output.json { try writeOutput(JSONWriter.fingerprint(one.fingerprint)) }
    }
}

struct FriendRemove: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "remove", abstract: "Remove a friend, or take it out of a group.")
    @Option(help: "Take it out of this group only.") var group: String?
    @OptionGroup var options: FriendOptions

    func run() throws {
        let group = try FriendCommand.group(group)
        try options.change { try $0.removeFriend($1, from: group) }
    }
}

struct FriendFollow: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "follow", abstract: "Keep a friend's files here.")
    @OptionGroup var options: FriendOptions

    func run() throws { try options.change { try $0.follow($1) } }
}

struct FriendUnfollow: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unfollow", abstract: "Keep a friend's files here no longer; what is here stays.")
    @OptionGroup var options: FriendOptions

    func run() throws { try options.change { try $0.unfollow($1) } }
}
