import CLinux
import OpenPGP
import System

/// The places of a Mau directory that concern the account (the convention's file system structure).
public struct MauDirectory {
    /// The root, as given.
    public let path: String

    public init(_ path: String) { self.path = path }

    /// Keys, and nothing else.
    public var keys: String { "\(path)/.mau" }
    static let accountName = "account.pgp"
    public var account: String { "\(keys)/\(MauDirectory.accountName)" }

    /// What `.mau` is called while everything is being removed: there is no account any more, and nothing may take its place yet.
    public var interruptedReset: String { "\(path)/.maud-reset" }

    /// A group's keys.
    public func keys(of group: GroupName?) -> String {
        guard let group else { return keys }
        return "\(keys)/\(group.description)"
    }

    /// The directory of a fingerprint's files.
    public func content(of fingerprint: Fingerprint) -> String { "\(path)/\(fingerprint.description)" }

    /// The same while the fingerprint is not followed.
    public func unfollowedContent(of fingerprint: Fingerprint) -> String { "\(path)/.\(fingerprint.description)" }

    /// Makes the root and `.mau`, durably; what is there already is fine.
    func create() throws(SystemError) {
        try makeDurably(path, parent: MauDirectory.parent(of: path))
        try makeDurably(keys, parent: path)
    }

    /// Makes one directory (0700) and its name durable.
    func makeDurably(_ directory: String, parent: String) throws(SystemError) {
        if try Files.status(directory) != nil { return }
        try Files.makeDirectory(directory)
        try DurableFile.synchronize(parent)
    }

    /// Takes back a directory that was made for a file which could not be written then; one that holds something stays.
    func removeIfEmpty(_ directory: String) { _ = maud_unlinkat(Files.currentDirectory, directory, true) }

    private static func parent(of path: String) -> String {
        var octets = Array(path.utf8)
        while octets.count > 1, octets.last == 0x2F { octets.removeLast() }
        guard let slash = octets.lastIndex(of: 0x2F) else { return "." }
        return slash == 0 ? "/" : Array(octets[..<slash]).text
    }
}

/// The name of a group of friends: a directory below `.mau`. 1 to 64 octets of UTF-8, no dot first, no separators, no
/// control characters.
public struct GroupName: Equatable, Sendable {
    public let octets: [UInt8]

    /// Nil when the name is not one.
    public init?(_ octets: some Collection<UInt8>) {
        guard (1...64).contains(octets.count), octets.first != 0x2E else { return nil }
        for octet in octets where octet < 0x20 || octet == 0x7F || octet == 0x2F || octet == 0x5C { return nil }
        var decoder = UTF8()
        var iterator = octets.makeIterator()
        decoding: while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): if (0x80...0x9F).contains(scalar.value) { return nil }
            case .emptyInput: break decoding
            case .error: return nil
            }
        }
        self.octets = Array(octets)
    }

    public init?(_ name: String) { self.init(Array(name.utf8)) }

    public var description: String { octets.text }
    /// May command the device.
    public static var controllers: GroupName { GroupName(checked: "controllers") }
    /// May read what is not public.
    public static var viewers: GroupName { GroupName(checked: "viewers") }

    private init(checked name: StaticString) { octets = Array(name) }
}
