import CLinux
import System

/// What the index holds of one file: 112 octets, names of up to 40 octets included.
///
/// `name` is the first field, so that a pointer to the record is a pointer to the name.
struct Record {
    /// The name, padded with zeros; of a longer one the first 32 octets and the address of all of it.
    var name: (UInt64, UInt64, UInt64, UInt64, UInt64)
    var sum: SHA256Sum
    var size: Int64
    /// Nanoseconds since 1970.
    var modificationTime: Int64
    var changeTime: Int64
    var inode: UInt64
    /// Who may see it: an index of `Audiences`.
    var audience: UInt16
    var flags: Flags
    var nameCount: UInt8

    /// Octets of a name that are kept in the record itself.
    static let inlineName = 40

    struct Flags: OptionSet {
        let rawValue: UInt8
        /// In the listing: examined, and someone may see it.
        static let listed = Flags(rawValue: 1)
        /// Waits to be examined.
        static let pending = Flags(rawValue: 2)
        /// Is being examined.
        static let examining = Flags(rawValue: 4)
        /// Changed while it was being examined: once more.
        static let again = Flags(rawValue: 8)
        /// Came while the store was running: gets a time of its own.
        static let arrival = Flags(rawValue: 16)
        /// Was found by the present scan.
        static let seen = Flags(rawValue: 32)
        /// From the cache, not compared with the directory yet.
        static let cached = Flags(rawValue: 64)
        /// A version without `.pgp`, as the Go implementation writes it.
        static let bare = Flags(rawValue: 128)
    }

    /// Whether the file is the one that was examined. The change time tells more, but a hard link to it changes that too.
    func matches(_ status: maud_status) -> Bool {
        size == status.size && modificationTime == status.modification_time && inode == status.inode
    }

    /// Whether the modification time is the clock's: one that is ahead of the kernel's change time was given while the clock was unset.
    var isTimed: Bool { modificationTime <= changeTime.addingReportingOverflow(100_000_000).partialValue }

    mutating func set(_ status: maud_status) {
        size = status.size
        modificationTime = status.modification_time
        changeTime = status.change_time
        inode = status.inode
    }
}
