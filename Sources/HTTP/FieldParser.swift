import System

/// Parses field lines one after the other and keeps what only makes sense over all of them.
struct FieldParser {
    private var fields = 0
    private var hosts = 0
    private var contentLengths = 0
    private var contentLength: Int64 = 0
    private var transferEncodings = 0
    private var closes = false
    private var asksKeepAlive = false
    /// Conditional fields seen before: a second one makes both void.
    private var seen: UInt8 = 0

    /// One line, `name ":" OWS value OWS` (RFC 9112, section 5).
    mutating func line(_ buffer: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ head: inout RequestHead) throws(RequestDefect) {
        fields += 1
        if fields > Bounds.requestFields { throw .tooManyFields }
        var colon = start
        while colon < end, Characters.isToken(buffer[colon]) { colon += 1 }
        // A blank here is a folded line or a blank before the colon: both are refused (RFC 9112, sections 5.1 and 5.2).
        guard colon > start, colon < end, buffer[colon] == 0x3A else { throw .badField }
        for octet in buffer.part(colon + 1, end) where !Characters.isFieldValue(octet) { throw .badOctet }
        var first = colon + 1, last = end
        while first < last, Characters.isBlank(buffer[first]) { first += 1 }
        while last > first, Characters.isBlank(buffer[last - 1]) { last -= 1 }
        try field(buffer.part(start, colon), buffer.part(first, last), RequestHead.Span(first, last), &head)
    }

    private mutating func field(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ span: RequestHead.Span, _ head: inout RequestHead) throws(RequestDefect) {
        switch name.count {
        case 4: if name.equalsIgnoringCase("host") { try host(value) }
        case 5: if name.equalsIgnoringCase("range") { conditional(0, span, &head.range) }
        case 6:
            if name.equalsIgnoringCase("expect") {
                if value.equalsIgnoringCase("100-continue") { head.expectsContinue = true } else { head.hasUnknownExpectation = true }
            }
            if name.equalsIgnoringCase("prefer") { FieldParser.forEachItem(value) { if $0.equalsIgnoringCase("return=representation") { head.prefersRepresentation = true } } }
        case 8:
            if name.equalsIgnoringCase("if-range") { conditional(1, span, &head.ifRange) }
            if name.equalsIgnoringCase("if-match") { conditional(2, span, &head.ifMatch) }
        case 10: if name.equalsIgnoringCase("connection") { connection(value) }
        case 13: if name.equalsIgnoringCase("if-none-match") { conditional(3, span, &head.ifNoneMatch) }
        case 14: if name.equalsIgnoringCase("content-length") { try length(value) }
        case 17:
            if name.equalsIgnoringCase("if-modified-since") { conditional(4, span, &head.ifModifiedSince) }
            if name.equalsIgnoringCase("transfer-encoding") { try transferEncoding(value, head) }
        case 19: if name.equalsIgnoringCase("if-unmodified-since") { conditional(5, span, &head.ifUnmodifiedSince) }
        default: break
        }
    }

    /// What all fields together say.
    consuming func finish(_ head: inout RequestHead) throws(RequestDefect) {
        if head.minorVersion == 1, hosts == 0 { throw .badHost }
        if transferEncodings > 0 {
            guard contentLengths == 0, transferEncodings == 1, head.minorVersion == 1 else { throw .badFraming }
        }
        head.hasContent = transferEncodings > 0 || contentLength > 0
        head.contentLength = transferEncodings > 0 ? nil : contentLength
        if closes { head.keepsAlive = false } else if asksKeepAlive { head.keepsAlive = true }
    }

    mutating func host(_ value: UnsafeRawBufferPointer) throws(RequestDefect) {
        hosts += 1
        if hosts > 1 { throw .badHost }
        for octet in value where !Characters.isAuthority(octet) { throw .badHost }
    }

    /// One number, once: a list of equal numbers would be allowed, and is a trap (RFC 9112, section 6.3).
    private mutating func length(_ value: UnsafeRawBufferPointer) throws(RequestDefect) {
        contentLengths += 1
        guard contentLengths == 1, let number = Characters.decimal(value) else { throw .badFraming }
        contentLength = number
    }

    private mutating func transferEncoding(_ value: UnsafeRawBufferPointer, _ head: RequestHead) throws(RequestDefect) {
        transferEncodings += 1
        if value.equalsIgnoringCase("chunked") { return }
        // Without chunked at the end nobody knows where the content does.
        let suffix = value.count > 7 ? value.part(value.count - 7, value.count) : value
        guard suffix.equalsIgnoringCase("chunked"), value.count > 7, value[value.count - 8] == 0x2C || Characters.isBlank(value[value.count - 8]) else {
            throw .badFraming
        }
        throw .unknownTransferCoding
    }

    private mutating func connection(_ value: UnsafeRawBufferPointer) {
        var closes = self.closes, asksKeepAlive = self.asksKeepAlive
        FieldParser.forEachItem(value) { option in
            if option.equalsIgnoringCase("close") { closes = true }
            if option.equalsIgnoringCase("keep-alive") { asksKeepAlive = true }
        }
        self.closes = closes
        self.asksKeepAlive = asksKeepAlive
    }

    /// The items of a list, without the blanks around them (RFC 9110, section 5.6.1).
    private static func forEachItem(_ value: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        while start <= value.count {
            var end = start
            while end < value.count, value[end] != 0x2C { end += 1 }
            body(value.part(start, end).trimmed)
            start = end + 1
        }
    }

    private mutating func conditional(_ bit: UInt8, _ span: RequestHead.Span, _ field: inout RequestHead.Span) {
        field = seen & (1 << bit) == 0 ? span : RequestHead.Span()
        seen |= 1 << bit
    }
}
