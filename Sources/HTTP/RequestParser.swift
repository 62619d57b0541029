import System

extension RequestHead {
    /// Parses a complete head, as `HeadScanner` found it: request line, fields, empty line.
    ///
    /// - Parameter buffer: the octets of the head and nothing else, at most `Bounds.requestHead`.
    public init(parsing buffer: UnsafeRawBufferPointer) throws(RequestDefect) {
        guard buffer.count <= Bounds.requestHead else { throw .headTooLong }
        self.init()
        count = buffer.count
        var parser = FieldParser()
        var position = 0, isFirst = true
        while let end = RequestHead.lineEnd(buffer, position) {
            if isFirst { try parseRequestLine(buffer, end) } else if end == position {
                break
            } else { try parser.line(buffer, position, end, &self) }
            isFirst = false
            position = end + 2
        }
        // The loop also ends at a CR without LF.
        guard !isFirst, position + 2 == buffer.count else { throw .badOctet }
        try parser.finish(&self)
    }

    /// The position of the CR LF that ends the line from `start` on.
    static func lineEnd(_ buffer: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        var position = start
        while position + 1 < buffer.count {
            if buffer[position] == 0x0D { return buffer[position + 1] == 0x0A ? position : nil }
            position += 1
        }
        return nil
    }

    /// `method SP request-target SP HTTP-version`, with exactly one space each (RFC 9112, section 3).
    private mutating func parseRequestLine(_ buffer: UnsafeRawBufferPointer, _ end: Int) throws(RequestDefect) {
        var position = 0
        while position < end, Characters.isToken(buffer[position]) { position += 1 }
        guard position > 0, position < end, buffer[position] == 0x20 else { throw .badRequestLine }
        method = RequestHead.method(buffer.part(0, position))
        let isConnect = buffer.part(0, position).equalsIgnoringCase("connect")
        let targetStart = position + 1
        position = targetStart
        while position < end, buffer[position] != 0x20 { position += 1 }
        guard position > targetStart, position < end else { throw .badRequestLine }
        try parseVersion(buffer.part(position + 1, end))
        try parseTarget(buffer, targetStart, position, isConnect: isConnect)
    }

    static func method(_ name: UnsafeRawBufferPointer) -> Method {
        // Methods are case-sensitive: "get" is not GET (RFC 9110, section 9.1).
        for octet in name where octet < 0x41 || octet > 0x5A { return .unknown }
        if name.equalsIgnoringCase("get") { return .get }
        if name.equalsIgnoringCase("head") { return .head }
        if name.equalsIgnoringCase("put") { return .put }
        let others: InlineArray<6, StaticString> = ["post", "delete", "options", "patch", "trace", "connect"]
        for index in 0..<6 where name.equalsIgnoringCase(others[index]) { return .known }
        return .unknown
    }

    /// `HTTP/1.x` (RFC 9112, section 2.3); the name is case-sensitive.
    private mutating func parseVersion(_ text: UnsafeRawBufferPointer) throws(RequestDefect) {
        guard text.count == 8, text.startsIgnoringCase("http/"), text[0] == 0x48, text[1] == 0x54, text[2] == 0x54, text[3] == 0x50, text[6] == 0x2E,
              (0x30...0x39).contains(text[5]), (0x30...0x39).contains(text[7]) else { throw .badRequestLine }
        guard text[5] == 0x31 else { throw .versionNotSupported }
        minorVersion = text[7] == 0x30 ? 0 : 1
        keepsAlive = minorVersion == 1
    }

    /// The four forms of RFC 9112, section 3.2.
    mutating func parseTarget(_ buffer: UnsafeRawBufferPointer, _ start: Int, _ end: Int, isConnect: Bool) throws(RequestDefect) {
        let target = buffer.part(start, end)
        if isConnect { return try RequestHead.checkAuthority(target) }
        if target.count == 1, target[0] == 0x2A { return } // asterisk form: no path, so it names nothing here
        var pathStart = start
        if target[0] != 0x2F {
            let scheme = target.startsIgnoringCase("http://") ? 7 : target.startsIgnoringCase("https://") ? 8 : 0
            guard scheme > 0 else { throw .badTarget }
            pathStart = start + scheme
            while pathStart < end, buffer[pathStart] != 0x2F, buffer[pathStart] != 0x3F { pathStart += 1 }
            // An empty host is not one, and user information in it is how people are led astray (RFC 9110, section 4.2).
            guard pathStart > start + scheme else { throw .badTarget }
            try RequestHead.checkAuthority(buffer.part(start + scheme, pathStart))
        }
        var pathEnd = pathStart
        while pathEnd < end, buffer[pathEnd] != 0x3F { pathEnd += 1 }
        for octet in buffer.part(pathStart, end) where !Characters.isPathOrQuery(octet) && octet != 0x25 { throw .badTarget }
        path = Span(pathStart, pathEnd)
        if pathEnd < end { query = Span(pathEnd + 1, end) }
    }

    private static func checkAuthority(_ authority: UnsafeRawBufferPointer) throws(RequestDefect) {
        for octet in authority where !Characters.isAuthority(octet) { throw .badTarget }
    }
}

extension RequestHead.Span {
    init(_ start: Int, _ end: Int) {
        self.start = UInt16(truncatingIfNeeded: start)
        count = UInt16(truncatingIfNeeded: end - start)
    }
}
