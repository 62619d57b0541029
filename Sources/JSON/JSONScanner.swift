import System

/// Finds places in a JSON text: jansson says where a syntax error is, but not where a value was.
///
/// The text was accepted by jansson before, so this only skips; on anything unexpected it stops where it is.
struct JSONScanner {
    let text: [UInt8]
    private(set) var offset = 0

    init(_ text: [UInt8]) { self.text = text }

    // MARK: Bounds, before anything is allocated

    /// What the text would cost to read: nesting and number of values, strings respected. At most `values` + 1 are counted.
    static func measure(_ text: [UInt8]) -> (depth: Int, values: Int) {
        var depth = 0, deepest = 0, values = 1
        var index = 0
        var inString = false
        while index < text.count {
            let octet = text[index]
            if inString {
                if octet == 0x5C { index += 1 } else if octet == 0x22 { inString = false }
            } else {
                switch octet {
                case 0x22: inString = true
                case 0x5B, 0x7B:
                    depth += 1
                    deepest = max(deepest, depth)
                    values += 1
                case 0x5D, 0x7D: depth -= 1
                case 0x2C: values += 1
                default: break
                }
            }
            index += 1
        }
        return (deepest, values)
    }

    // MARK: Positions

    /// Line and column of an octet.
    func position(of offset: Int) -> JSONPosition {
        var position = JSONPosition(line: 1, column: 1)
        for octet in text[..<min(offset, text.count)] {
            if octet == 0x0A {
                position.line += 1
                position.column = 1
            } else if octet & 0xC0 != 0x80 {
                position.column += 1
            }
        }
        return position
    }

    /// Moves to the value at `path`, or to its key. False when it is not there: then at the innermost value found.
    mutating func find(_ path: JSONPath, key: Bool = false) -> Bool {
        switch path {
        case .top:
            offset = 0
            skipSpace()
            return true
        case .member(let parent, let name): return find(parent) && findMember(name, key: key)
        case .element(let parent, let index): return find(parent) && findElement(index)
        }
    }

    /// The start of the token that ends before `end`, or nil.
    mutating func start(ofTokenEndingAt end: Int) -> Int? {
        offset = 0
        while offset < end {
            skipSpace()
            let start = offset
            skipToken()
            if offset == end { return start }
            if offset == start { return nil }
        }
        return nil
    }

    private mutating func findMember(_ name: [UInt8], key: Bool) -> Bool {
        let object = offset
        guard take(0x7B) else { return false }
        while peek == 0x22 {
            let start = offset
            let found = skipString(comparing: name)
            let end = offset
            if found, key { offset = start; return true }
            guard take(0x3A) else { break }
            if found { return true }
            skipValue()
            if offset == end || !take(0x2C) { break }
        }
        offset = object
        return false
    }

    private mutating func findElement(_ index: Int) -> Bool {
        let array = offset
        guard take(0x5B) else { return false }
        for _ in 0..<index {
            let start = offset
            skipValue()
            if offset == start || !take(0x2C) { offset = array; return false }
        }
        return true
    }

    // MARK: Skipping

    private var peek: UInt8? { offset < text.count ? text[offset] : nil }

    private mutating func skipSpace() {
        while let octet = peek, octet == 0x20 || octet == 0x0A || octet == 0x0D || octet == 0x09 { offset += 1 }
    }

    /// Takes one mark with the white space around it.
    private mutating func take(_ octet: UInt8) -> Bool {
        skipSpace()
        guard peek == octet else { return false }
        offset += 1
        skipSpace()
        return true
    }

    private mutating func skipToken() {
        guard let octet = peek else { return }
        switch octet {
        case 0x22: _ = skipString(comparing: [])
        case 0x5B, 0x5D, 0x7B, 0x7D, 0x2C, 0x3A: offset += 1
        default: skipWord()
        }
    }

    private mutating func skipWord() {
        while let octet = peek, octet > 0x20, octet != 0x22, octet != 0x2C, octet != 0x3A, octet & 0xDF != 0x5B, octet & 0xDF != 0x5D {
            offset += 1
        }
    }

    private mutating func skipValue() {
        var depth = 0
        repeat {
            skipSpace()
            guard let octet = peek else { return }
            if octet == 0x5B || octet == 0x7B { depth += 1 }
            if octet == 0x5D || octet == 0x7D { depth -= 1 }
            if depth < 0 { return }
            let start = offset
            skipToken()
            if offset == start { return }
        } while depth > 0
    }

    /// Skips a string and says whether its octets, unescaped, are those.
    private mutating func skipString(comparing expected: [UInt8]) -> Bool {
        offset += 1
        var octets: [UInt8] = []
        while let octet = peek, octet != 0x22 {
            offset += 1
            if octet == 0x5C { unescape(into: &octets) } else { octets.append(octet) }
        }
        if offset < text.count { offset += 1 }
        return octets == expected
    }

    private mutating func unescape(into octets: inout [UInt8]) {
        guard let octet = peek else { return }
        offset += 1
        switch octet {
        case 0x62: octets.append(0x08)
        case 0x66: octets.append(0x0C)
        case 0x6E: octets.append(0x0A)
        case 0x72: octets.append(0x0D)
        case 0x74: octets.append(0x09)
        case 0x75:
            var value = hexadecimal()
            if value & 0xFC00 == 0xD800, offset + 1 < text.count, text[offset] == 0x5C, text[offset + 1] == 0x75 {
                offset += 2
                value = 0x10000 + (value & 0x3FF) << 10 + hexadecimal() & 0x3FF
            }
            appendUTF8(value, to: &octets)
        default: octets.append(octet)
        }
    }

    private mutating func hexadecimal() -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let octet = peek, let digit = hexadecimalValue(octet) else { break }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    private func appendUTF8(_ value: UInt32, to octets: inout [UInt8]) {
        guard let scalar = Unicode.Scalar(value) else { return }
        for octet in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { octets.append(octet) }
    }
}
