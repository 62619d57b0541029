import Content
import OpenPGP
import System

/// One entry of a listing, checked: what may be asked for, how long it is and what its SHA-256 must be.
public struct ListedFile: Equatable, Sendable {
    public let fingerprint: Fingerprint
    public let name: FileName
    /// Set when the path is that of a version.
    public let version: SHA256Sum?
    /// Octets, >= 0.
    public let size: Int64
    public let sum: SHA256Sum

    /// Why an entry is refused; the rest of its listing is not.
    public enum Defect: Equatable, Sendable {
        /// Not `/p2p/<fingerprint>/<name>` or a version's path; a name that is none; or more than `ListingParser.pathLimit` octets.
        case path
        /// Missing, or not a whole number of octets.
        case size
        /// Not 64 hexadecimal digits.
        case sum
        /// `path`, `size` or `sum` stands there twice.
        case repeatedMember

        /// One clause for a person.
        public var description: StaticString {
            switch self {
            case .path: "its path is not one of a file"
            case .size: "its size is none"
            case .sum: "its sum is none"
            case .repeatedMember: "it says one thing twice"
            }
        }
    }
}

/// The path of a file: `/p2p/<fingerprint>/<name>`, or `/p2p/<fingerprint>/<name>.versions/<sha256>` (`.version/` and a `.pgp` after the
/// hash too, as the convention writes them both ways).
struct FilePath: Equatable {
    let fingerprint: Fingerprint
    let name: FileName
    let version: SHA256Sum?

    /// Nil when it is neither. Nothing in it is decoded: listings hold names as they are.
    init?(_ path: UnsafeRawBufferPointer) {
        let start = 5 + Fingerprint.digits
        guard path.count > start + 1, FilePath.has(path, "/p2p/", at: 0), path[start] == 0x2F else { return nil }
        for digit in path[5..<start] where (0x41...0x46).contains(digit) { return nil }
        guard let fingerprint = Fingerprint(hexadecimal: path[5..<start]) else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: path[(start + 1)...])
        var name = rest, version: SHA256Sum?
        if let slash = rest.firstIndex(of: 0x2F) {
            guard let (end, sum) = FilePath.version(rest, slash) else { return nil }
            name = UnsafeRawBufferPointer(rebasing: rest[..<end])
            version = sum
        }
        do throws(FileName.Defect) { self.name = try FileName(name) } catch { return nil }
        self.fingerprint = fingerprint
        self.version = version
    }

    /// Where the name of a version's file ends, and its hash.
    private static func version(_ rest: UnsafeRawBufferPointer, _ slash: Int) -> (Int, SHA256Sum)? {
        let end = has(rest, ".versions", at: slash - 9) ? slash - 9 : has(rest, ".version", at: slash - 8) ? slash - 8 : -1
        var hash = rest[(slash + 1)...]
        if hash.count == 68, has(rest, ".pgp", at: rest.count - 4) { hash = hash.dropLast(4) }
        for digit in hash where (0x41...0x46).contains(digit) { return nil }
        guard end > 0, let sum = SHA256Sum(hexadecimal: hash) else { return nil }
        return (end, sum)
    }

    private static func has(_ octets: UnsafeRawBufferPointer, _ text: StaticString, at position: Int) -> Bool {
        guard position >= 0, octets.count - position >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where octets[position + index] != text.utf8Start[index] { return false }
        return true
    }
}
