import System

/// The name of a content file, checked: the one place where names from outside become names on disk.
///
/// At most 255 octets, ending `.pgp`, no leading dot, no separators (`/`, `\`), no control characters, no NUL,
/// well-formed UTF-8.
public struct FileName: Equatable, Sendable {
    /// The checked octets.
    public let octets: [UInt8]

    /// What is wrong with a name.
    public enum Defect: Error {
        case empty, tooLong, leadingDot, separator, controlCharacter, notPGP, notUTF8

        /// One clause for a person.
        public var description: StaticString {
            switch self {
            case .empty: "is empty"
            case .tooLong: "is longer than 255 octets"
            case .leadingDot: "begins with a dot"
            case .separator: "holds a path separator"
            case .controlCharacter: "holds a control character"
            case .notPGP: "does not end in .pgp"
            case .notUTF8: "is not UTF-8"
            }
        }
    }

    /// Checks a name.
    public init(_ name: some Collection<UInt8>) throws(Defect) {
        if name.isEmpty { throw .empty }
        if name.count > Bounds.fileNameLength { throw .tooLong }
        let octets = Array(name)
        if let defect = octets.withUnsafeBytes({ FileName.defect(of: $0) }) { throw defect }
        self.octets = octets
    }

    /// What is wrong with a name, or nil: the check alone, without a copy.
    public static func defect(of name: UnsafeRawBufferPointer) -> Defect? {
        if name.isEmpty { return .empty }
        if name.count > Bounds.fileNameLength { return .tooLong }
        for octet in name {
            if octet == 0x2F || octet == 0x5C { return .separator }
            if octet < 0x20 || octet == 0x7F { return .controlCharacter }
        }
        if name[0] == 0x2E { return .leadingDot }
        guard name.count > 4, hasSuffix(name, ".pgp") else { return .notPGP }
        return isUTF8(name) ? nil : .notUTF8
    }

    /// Whether there is room for `.versions` behind it. Without, an earlier content could not be kept, so what is published
    /// under such a name stays as it is.
    public var keepsVersions: Bool { octets.count <= Bounds.versionedNameLength }

    /// Whether the octets end so.
    static func hasSuffix(_ octets: UnsafeRawBufferPointer, _ suffix: StaticString) -> Bool {
        let count = suffix.utf8CodeUnitCount
        guard octets.count >= count else { return false }
        for index in 0..<count where octets[octets.count - count + index] != suffix.utf8Start[index] { return false }
        return true
    }

    /// Checks a name given as text.
    public init(_ name: String) throws(Defect) { try self.init(Array(name.utf8)) }

    /// The name as text.
    public var description: String { octets.text }

    /// Whether the octets are UTF-8, C1 control characters (U+0080...U+009F) excluded.
    private static func isUTF8(_ octets: UnsafeRawBufferPointer) -> Bool {
        var decoder = UTF8()
        var iterator = octets.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): if (0x80...0x9F).contains(scalar.value) { return false }
            case .emptyInput: return true
            case .error: return false
            }
        }
    }
}
