import System

/// Reads a listing, `[{"path":"/p2p/<fpr>/<name>","size":N,"sum":"<sha256>"}, ...]` (RFC 8259), piece by piece as it arrives.
///
/// Memory is that of one entry, however long the listing is. An entry that says something impossible is refused by itself; a
/// text that is not such a listing is refused as a whole. Members of other names are skipped, their values checked only for their
/// nesting and length.
public struct ListingParser {
    /// Why a listing is refused, from here on.
    public enum Defect: Error, Equatable, Sendable {
        /// Not JSON, or not an array of objects.
        case syntax
        /// More than `Bounds.listedEntries` entries or `Bounds.receivedListingOctets` octets.
        case endless
        /// Nested deeper than `Bounds.jsonDepth`.
        case tooDeep

        /// One clause for a person.
        public var description: StaticString {
            switch self {
            case .syntax: "the listing is not one"
            case .endless: "the listing does not end"
            case .tooDeep: "the listing is nested too deeply"
            }
        }
    }

    /// An entry, or why it is none, with as much of its path as is kept.
    public enum Event { case file(ListedFile), refused(ListedFile.Defect, path: [UInt8]) }

    /// The longest path: a version of a file with the longest name.
    public static let pathLimit = 400

    enum State {
        case start, firstEntry, entry, afterEntry
        case firstKey, key, colon, value, afterValue
        case string, escape, unicode, literal
        case end
    }
    /// What a string or literal that is being read is for.
    enum Use { case key, path, size, sum, nothing }

    var state = State.start
    var use = Use.nothing
    /// The present string or literal: at most `pathLimit` octets; `isOverlong` says that there were more.
    var text: [UInt8] = []
    var isOverlong = false
    var escape: UInt32 = 0
    var escapeDigits = 0
    var highSurrogate: UInt32 = 0
    /// Inside the value of a member that is skipped: what was opened, one bit each, 1 for an object.
    private var depth = 0
    private var isObject: UInt32 = 0
    private var entry = Entry()
    private var octets = 0
    /// Entries that were begun.
    public private(set) var count = 0

    private struct Entry {
        var path: [UInt8]?
        var size: Int64?
        var sum: SHA256Sum?
        var defect: ListedFile.Defect?
        mutating func fail(_ reason: ListedFile.Defect) { if defect == nil { defect = reason } }
    }

    public init() {}

    /// Whether the listing has ended; only blanks may follow.
    public var isComplete: Bool { state == .end }

    /// Reads on, and calls `event` for each entry that ends in this piece.
    public mutating func parse(_ piece: UnsafeRawBufferPointer, _ event: (Event) -> Void) throws(Defect) {
        octets += piece.count
        if octets > Bounds.receivedListingOctets { throw .endless }
        for octet in piece { try take(octet, event) }
    }

    /// Says that no more comes.
    public mutating func end() throws(Defect) {
        if state == .literal, count == 0 { try endLiteral() }
        guard isComplete else { throw .syntax }
    }

    private mutating func take(_ octet: UInt8, _ event: (Event) -> Void) throws(Defect) {
        switch state {
        case .string, .escape, .unicode: return try takeText(octet)
        case .literal:
            if ListingParser.isLiteral(octet) { return append(octet) }
            try endLiteral()
        default: break
        }
        if octet == 0x20 || octet == 0x09 || octet == 0x0A || octet == 0x0D { return }
        if depth > 0 { return try takeNested(octet) }
        switch state {
        case .start:
            // The Go implementation's language writes an empty list as null.
            if octet == 0x5B { state = .firstEntry } else if octet == 0x6E { begin(.literal, .nothing, octet) } else { throw .syntax }
        case .firstEntry where octet == 0x5D, .afterEntry where octet == 0x5D: state = .end
        case .firstEntry where octet == 0x7B, .entry where octet == 0x7B: try beginEntry()
        case .afterEntry where octet == 0x2C: state = .entry
        case .firstKey where octet == 0x7D, .afterValue where octet == 0x7D: endEntry(event)
        case .firstKey where octet == 0x22, .key where octet == 0x22: begin(.string, .key, nil)
        case .colon where octet == 0x3A: state = .value
        case .value: try beginValue(octet)
        case .afterValue where octet == 0x2C: state = .key
        default: throw .syntax
        }
    }

    // MARK: Entries

    private mutating func beginEntry() throws(Defect) {
        count += 1
        if count > Bounds.listedEntries { throw .endless }
        entry = Entry()
        state = .firstKey
    }

    private mutating func endEntry(_ event: (Event) -> Void) {
        state = .afterEntry
        let octets = entry.path ?? []
        let path = octets.withUnsafeBytes { FilePath($0) }
        if let defect = entry.defect { return event(.refused(defect, path: octets)) }
        guard let path else { return event(.refused(.path, path: octets)) }
        guard let size = entry.size else { return event(.refused(.size, path: octets)) }
        guard let sum = entry.sum else { return event(.refused(.sum, path: octets)) }
        event(.file(ListedFile(fingerprint: path.fingerprint, name: path.name, version: path.version, size: size, sum: sum)))
    }

    private mutating func beginValue(_ octet: UInt8) throws(Defect) {
        switch octet {
        case 0x22: begin(.string, use, nil)
        case 0x5B, 0x7B: try open(octet)
        default:
            guard ListingParser.isLiteral(octet) else { throw .syntax }
            begin(.literal, use, octet)
        }
    }

    /// A string or literal has ended.
    mutating func endValue(isString: Bool) throws(Defect) {
        guard depth == 0 else { return }
        state = .afterValue
        switch use {
        case .key:
            state = .colon
            use = isOverlong ? .nothing : name()
        case .path:
            if entry.path != nil { entry.fail(.repeatedMember) }
            if !isString || isOverlong { entry.fail(.path) }
            entry.path = text
        case .size:
            if entry.size != nil { entry.fail(.repeatedMember) }
            let value = isString || isOverlong ? nil : number()
            if value == nil { entry.fail(.size) }
            entry.size = value ?? 0
        case .sum:
            if entry.sum != nil { entry.fail(.repeatedMember) }
            let sum = isString ? SHA256Sum(hexadecimal: text) : nil
            if sum == nil { entry.fail(.sum) }
            entry.sum = sum ?? SHA256Sum()
        case .nothing: break
        }
    }

    private func name() -> Use {
        if text.elementsEqual(Array<UInt8>("path")) { return .path }
        if text.elementsEqual(Array<UInt8>("size")) { return .size }
        return text.elementsEqual(Array<UInt8>("sum")) ? .sum : .nothing
    }

    /// A whole number of at most 18 digits.
    private func number() -> Int64? {
        guard text.count <= 18 else { return nil }
        var value: Int64 = 0
        for digit in text {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - 0x30)
        }
        return value
    }

    // MARK: Values of members that mean nothing here

    private mutating func open(_ octet: UInt8) throws(Defect) {
        switch use {
        case .path: entry.fail(.path)
        case .size: entry.fail(.size)
        case .sum: entry.fail(.sum)
        case .key, .nothing: break
        }
        guard depth < Bounds.jsonDepth else { throw .tooDeep }
        depth += 1
        isObject = isObject << 1 | (octet == 0x7B ? 1 : 0)
    }

    /// Inside such a value only brackets and strings are told apart.
    private mutating func takeNested(_ octet: UInt8) throws(Defect) {
        switch octet {
        case 0x22: begin(.string, use, nil)
        case 0x5B, 0x7B: try open(octet)
        case 0x5D, 0x7D:
            guard (octet == 0x7D) == (isObject & 1 == 1) else { throw .syntax }
            isObject >>= 1
            depth -= 1
            if depth == 0 { state = .afterValue }
        default: guard octet == 0x2C || octet == 0x3A || ListingParser.isLiteral(octet) else { throw .syntax }
        }
    }
}
