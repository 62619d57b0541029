import OpenPGP
import System

/// One file, or one version of a file, as the index knows it. A value: what it says may be outdated a turn of the loop later.
public struct Entry {
    /// Octets.
    public let size: Int64
    /// Nanoseconds since 1970.
    public let modificationTime: Int64
    /// Whether that time is the clock's. It is not when the file was published while the clock was unset, until the clock becomes
    /// set and the file gets another (docs/content.md, section 4).
    public let isTimed: Bool
    /// The SHA-256 of the file: its `sum` in listings, its entity tag, its version's name.
    public let sum: SHA256Sum
    /// Whether anyone may see it: signed and not encrypted.
    public let isPublic: Bool
    /// The (sub)keys it is encrypted to; empty when it is public. Shared with the index, not copied.
    public let recipients: [KeyID]
    /// Where the index holds it.
    let index: UInt16
    let isVersion: Bool

    /// The place of this file in a listing: what a page's `after` continues from.
    public var cursor: Cursor { Cursor(modificationTime: modificationTime, sum: sum) }
}

/// A place in a listing, which is ordered by modification time and then by sum.
public struct Cursor: Equatable, Sendable {
    /// Nanoseconds since 1970.
    public let modificationTime: Int64
    public let sum: SHA256Sum
    public init(modificationTime: Int64, sum: SHA256Sum) {
        self.modificationTime = modificationTime
        self.sum = sum
    }

    public static func < (a: Cursor, b: Cursor) -> Bool {
        a.modificationTime != b.modificationTime ? a.modificationTime < b.modificationTime : a.sum.precedes(b.sum)
    }
}

extension SHA256Sum {
    /// Whether this sum comes first, octet by octet.
    func precedes(_ other: SHA256Sum) -> Bool {
        if words.0 != other.words.0 { return words.0.bigEndian < other.words.0.bigEndian }
        if words.1 != other.words.1 { return words.1.bigEndian < other.words.1.bigEndian }
        if words.2 != other.words.2 { return words.2.bigEndian < other.words.2.bigEndian }
        return words.3.bigEndian < other.words.3.bigEndian
    }
}
