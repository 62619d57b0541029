import System

/// The fields of one HTTP/2 request (RFC 9113, section 8.3) as they arrive, and the head that they make: the one that the same
/// request has in HTTP/1.1, checked by the same rules.
public struct RequestFields {
    /// The values of pseudo-header fields, then the others as lines of HTTP/1.1. At most `Bounds.requestHead` octets.
    public private(set) var octets: [UInt8] = []
    private var method = RequestHead.Span(), path = RequestHead.Span(), authority = RequestHead.Span()
    private var hasAuthority = false
    private var hasContentLength = false
    /// Where the lines begin.
    private var lines: Int?
    /// The first thing that is wrong; nothing is kept behind it.
    private var defect: RequestDefect?

    public init() {}

    /// Whether the answer must not have a body, also when the request is refused.
    public var isHead: Bool { method.count == 4 && octets[Int(method.start)..<Int(method.start) + 4].elementsEqual([0x48, 0x45, 0x41, 0x44]) }

    /// Takes the next field.
    public mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        guard defect == nil else { return }
        guard octets.count + name.count + value.count + 4 <= Bounds.requestHead else { return refuse(name.equalsIgnoringCase(":path") ? .requestLineTooLong : .headTooLong) }
        if name.first == 0x3A { addPseudo(name, value) } else { addLine(name, value) }
    }

    /// A field that cannot even be taken.
    public mutating func refuse(_ defect: RequestDefect) { self.defect = self.defect ?? defect }

    /// `:scheme` decides nothing, as the scheme of an absolute target does not.
    private mutating func addPseudo(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        guard lines == nil else { return refuse(.badField) }
        let span = RequestHead.Span(octets.count, octets.count + value.count)
        octets.append(contentsOf: value)
        if name.equalsIgnoringCase(":method") { method = span } else if name.equalsIgnoringCase(":path") { path = span } else if name.equalsIgnoringCase(":authority") {
            authority = span
            hasAuthority = true
        } else if !name.equalsIgnoringCase(":scheme") { refuse(.badField) }
    }

    private mutating func addLine(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        begin()
        if name.equalsIgnoringCase("host"), hasAuthority {
            // The same twice is once; two different ones are a trap (RFC 9113, section 8.3.1).
            if !octets[Int(authority.start)..<Int(authority.start) + Int(authority.count)].elementsEqual(value) { refuse(.badHost) }
            return
        }
        if name.equalsIgnoringCase("content-length") { hasContentLength = true }
        // Lines are told apart by their ends.
        for octet in value where !Characters.isFieldValue(octet) { return refuse(.badOctet) }
        for octet in name where !Characters.isToken(octet) { return refuse(.badField) }
        octets.append(contentsOf: name)
        octets.append(0x3A)
        octets.append(contentsOf: value)
        octets.append(0x0D)
        octets.append(0x0A)
    }

    private mutating func begin() { if lines == nil { lines = octets.count } }

    /// The head, when all fields are there.
    ///
    /// - Parameters:
    ///   - buffer: `octets`.
    ///   - endsHere: no content follows.
    public func head(in buffer: UnsafeRawBufferPointer, endsHere: Bool) throws(RequestDefect) -> RequestHead {
        if let defect { throw defect }
        var head = RequestHead()
        head.count = buffer.count
        let name = method.octets(of: buffer), isConnect = name.equalsIgnoringCase("connect")
        guard !name.isEmpty else { throw .badRequestLine }
        for octet in name where !Characters.isToken(octet) { throw .badRequestLine }
        head.method = RequestHead.method(name)
        if !isConnect {
            guard path.count > 0 else { throw .badTarget }
            try head.parseTarget(buffer, Int(path.start), Int(path.start) + Int(path.count), isConnect: false)
        }
        var parser = FieldParser()
        if hasAuthority { try parser.host(authority.octets(of: buffer)) }
        var position = lines ?? buffer.count
        while let end = RequestHead.lineEnd(buffer, position) {
            try parser.line(buffer, position, end, &head)
            position = end + 2
        }
        try parser.finish(&head)
        if !endsHere, !hasContentLength {
            head.hasContent = true
            head.contentLength = nil
        }
        return head
    }
}
