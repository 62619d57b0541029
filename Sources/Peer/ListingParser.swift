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

    private enum State {
        case start, firstEntry, entry, afterEntry
        case firstKey, key, colon, value, afterValue
        case string, escape, unicode, literal
        case end
    }
    /// What a string or literal that is being read is for.
    private enum Use { case key, path, size, sum, nothing }

    private var state = State.start
    private var use = Use.nothing
    /// The present string or literal: at most `pathLimit` octets; `isOverlong` says that there were more.
    private var text: [UInt8] = []
    private var isOverlong = false
    private var escape: UInt32 = 0
    private var escapeDigits = 0
    private var highSurrogate: UInt32 = 0
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
    private mutating func endValue(isString: Bool) throws(Defect) {
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

    // MARK: Strings and literals

    /// What numbers, true, false and null are made of.
    private static func isLiteral(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x45: true
        default: false
        }
    }

    private mutating func begin(_ state: State, _ use: Use, _ first: UInt8?) {
        self.state = state
        self.use = use
        text.removeAll(keepingCapacity: true)
        isOverlong = false
        highSurrogate = 0
        if let first { text.append(first) }
    }

    private mutating func append(_ octet: UInt8) {
        if text.count < ListingParser.pathLimit { text.append(octet) } else { isOverlong = true }
    }

    private mutating func takeText(_ octet: UInt8) throws(Defect) {
        switch state {
        case .escape:
            state = .string
            switch octet {
            case 0x22, 0x5C, 0x2F: append(octet)
            case 0x62: append(0x08)
            case 0x66: append(0x0C)
            case 0x6E: append(0x0A)
            case 0x72: append(0x0D)
            case 0x74: append(0x09)
            case 0x75: (state, escape, escapeDigits) = (.unicode, 0, 0)
            default: throw .syntax
            }
        case .unicode:
            guard let digit = hexadecimalValue(octet) else { throw .syntax }
            escape = escape << 4 | UInt32(digit)
            escapeDigits += 1
            if escapeDigits == 4 { endUnicode() }
        default:
            guard octet >= 0x20 else { throw .syntax }
            if octet == 0x5C { state = .escape } else if octet == 0x22 { try endString() } else {
                endSurrogate()
                append(octet)
            }
        }
    }

    private mutating func endString() throws(Defect) {
        endSurrogate()
        state = .value
        try endValue(isString: true)
    }

    /// A surrogate without its other half is no character: an octet that no name has stands for it.
    private mutating func endSurrogate() {
        if highSurrogate != 0 { append(0xFF) }
        highSurrogate = 0
    }

    private mutating func endUnicode() {
        state = .string
        if (0xDC00...0xDFFF).contains(escape), highSurrogate != 0 {
            let value = 0x10000 + (highSurrogate - 0xD800) << 10 + (escape - 0xDC00)
            highSurrogate = 0
            return append(scalar: value)
        }
        endSurrogate()
        if (0xD800...0xDBFF).contains(escape) { highSurrogate = escape } else if (0xDC00...0xDFFF).contains(escape) { append(0xFF) } else { append(scalar: escape) }
    }

    private mutating func append(scalar value: UInt32) {
        if value < 0x80 { return append(UInt8(value)) }
        if value < 0x800 { append(UInt8(0xC0 | value >> 6)) } else {
            if value < 0x10000 { append(UInt8(0xE0 | value >> 12)) } else {
                append(UInt8(0xF0 | value >> 18))
                append(UInt8(0x80 | value >> 12 & 0x3F))
            }
            append(UInt8(0x80 | value >> 6 & 0x3F))
        }
        append(UInt8(0x80 | value & 0x3F))
    }

    private mutating func endLiteral() throws(Defect) {
        if count == 0, text.elementsEqual(Array<UInt8>("null")) { return state = .end }
        let isWord = text.elementsEqual(Array<UInt8>("null")) || text.elementsEqual(Array<UInt8>("true")) || text.elementsEqual(Array<UInt8>("false"))
        guard isWord || ListingParser.isNumber(text), count > 0 else { throw .syntax }
        try endValue(isString: false)
    }

    /// RFC 8259, section 6. An overlong one is not looked at to its end.
    static func isNumber(_ text: [UInt8]) -> Bool {
        var index = 0
        func digits() -> Bool {
            let start = index
            while index < text.count, (0x30...0x39).contains(text[index]) { index += 1 }
            return index > start
        }
        if index < text.count, text[index] == 0x2D { index += 1 }
        let first = index
        guard digits(), text[first] != 0x30 || index == first + 1 else { return false }
        if index < text.count, text[index] == 0x2E {
            index += 1
            guard digits() else { return false }
        }
        if index < text.count, text[index] | 0x20 == 0x65 {
            index += 1
            if index < text.count, text[index] == 0x2B || text[index] == 0x2D { index += 1 }
            guard digits() else { return false }
        }
        return index == text.count
    }
}
