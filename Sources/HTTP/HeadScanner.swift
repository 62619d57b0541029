/// Finds the end of a request head in octets that arrive piece by piece, looking at each only once.
public struct HeadScanner {
    /// Octets already looked at.
    private var position = 0
    /// Where the current line begins.
    private var lineStart = 0

    public init() {}

    /// Whether the request line has ended.
    public var hasRequestLine: Bool { lineStart > 0 }

    /// The length of the head at the start of `buffer`, its empty line included; nil when its end has not arrived.
    ///
    /// Throws `badOctet` at a line that does not end in CR LF: two parsers that disagree on line ends see two different
    /// requests (RFC 9112, section 11.2).
    ///
    /// - Parameter buffer: what arrived so far, at least as long as at the previous call.
    public mutating func end(in buffer: UnsafeRawBufferPointer) throws(RequestDefect) -> Int? {
        while position < buffer.count {
            let octet = buffer[position]
            position += 1
            if octet > 0x0D { continue }
            if octet == 0x0A {
                guard position >= 2, buffer[position - 2] == 0x0D else { throw .badOctet }
                if position - lineStart == 2, lineStart > 0 { return position }
                lineStart = position
            } else if octet != 0x0D && octet != 0x09 { throw .badOctet }
        }
        return nil
    }

    /// Octets of empty lines before the request line, which a server ignores (RFC 9112, section 2.2).
    public static func emptyLines(at buffer: UnsafeRawBufferPointer) -> Int {
        var position = 0
        while buffer.count - position >= 2, buffer[position] == 0x0D, buffer[position + 1] == 0x0A { position += 2 }
        return position
    }
}
