import HTTP
import OpenPGP
import System

/// What a path means, whether or not it exists.
struct Route: Equatable {
    enum Kind: Equatable {
        /// `/p2p/<fingerprint>`
        case listing
        /// `/p2p/<fingerprint>/<file>`
        case file
        /// `/p2p/<fingerprint>/<file>.versions/<sha256>`, the convention's `.version/` and a `.pgp` after the hash too
        case version(SHA256Sum)
    }

    var kind: Kind
    var fingerprint: Fingerprint
    /// The decoded name lies at the start of the memory that the path was decoded into.
    var nameCount = 0

    /// Reads a path; nil when it has none of the three shapes or is malformed. Fingerprints and hashes are lower case: each
    /// thing has one address, and everything else is not there.
    ///
    /// - Parameter name: memory that the file's name is decoded into, at least as long as the path.
    static func parse(_ path: UnsafeRawBufferPointer, name: UnsafeMutableRawBufferPointer) -> Route? {
        do throws(PathSegments.Defect) { return try read(path, name) } catch { return nil }
    }

    private static func read(_ path: UnsafeRawBufferPointer, _ name: UnsafeMutableRawBufferPointer) throws(PathSegments.Defect) -> Route? {
        var segments = PathSegments(path)
        guard try segments.next(into: name) == 3, name[0] == 0x70, name[1] == 0x32, name[2] == 0x70 else { return nil }
        guard let digits = try segments.next(into: name), let fingerprint = fingerprint(UnsafeRawBufferPointer(rebasing: name[0..<digits])) else { return nil }
        guard let nameCount = try segments.next(into: name) else { return Route(kind: .listing, fingerprint: fingerprint) }
        let rest = UnsafeMutableRawBufferPointer(rebasing: name[nameCount...])
        guard let hashCount = try segments.next(into: rest) else { return Route(kind: .file, fingerprint: fingerprint, nameCount: nameCount) }
        let suffix = versionSuffix(UnsafeRawBufferPointer(rebasing: name[0..<nameCount]))
        guard let sum = versionHash(UnsafeRawBufferPointer(rebasing: rest[0..<hashCount])), suffix > 0, segments.isAtEnd else { return nil }
        return Route(kind: .version(sum), fingerprint: fingerprint, nameCount: nameCount - suffix)
    }

    private static func isLowerCase(_ digits: UnsafeRawBufferPointer) -> Bool {
        for digit in digits where digit >= 0x41 && digit <= 0x46 { return false }
        return true
    }

    private static func fingerprint(_ segment: UnsafeRawBufferPointer) -> Fingerprint? {
        isLowerCase(segment) ? Fingerprint(hexadecimal: segment) : nil
    }

    private static func versionHash(_ segment: UnsafeRawBufferPointer) -> SHA256Sum? {
        guard isLowerCase(segment) else { return nil }
        if segment.count == 68, ends(segment, ".pgp") { return SHA256Sum(hexadecimal: UnsafeRawBufferPointer(rebasing: segment[0..<64])) }
        return SHA256Sum(hexadecimal: segment)
    }

    /// The length of `.versions` or `.version` at the end of a name, 0 when neither is there.
    private static func versionSuffix(_ name: UnsafeRawBufferPointer) -> Int {
        ends(name, ".versions") ? 9 : ends(name, ".version") ? 8 : 0
    }

    private static func ends(_ text: UnsafeRawBufferPointer, _ suffix: StaticString) -> Bool {
        let count = suffix.utf8CodeUnitCount
        guard text.count > count else { return false }
        for index in 0..<count where text[text.count - count + index] != suffix.utf8Start[index] { return false }
        return true
    }
}
