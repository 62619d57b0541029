import System

/// How a listing's strings and literals are read, octet by octet (RFC 8259, sections 3, 6 and 7).
extension ListingParser {
    /// What numbers, true, false and null are made of.
    static func isLiteral(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x45: true
        default: false
        }
    }

    mutating func begin(_ state: State, _ use: Use, _ first: UInt8?) {
        self.state = state
        self.use = use
        text.removeAll(keepingCapacity: true)
        isOverlong = false
        highSurrogate = 0
        if let first { text.append(first) }
    }

    mutating func append(_ octet: UInt8) {
        if text.count < ListingParser.pathLimit { text.append(octet) } else { isOverlong = true }
    }

    mutating func takeText(_ octet: UInt8) throws(Defect) {
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

    mutating func endLiteral() throws(Defect) {
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
