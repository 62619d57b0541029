import System

/// The head of a response, as a client takes it (RFC 9112, sections 4 and 6): a value of its own, nothing points into the buffer.
public struct ResponseHead: Equatable, Sendable {
    /// How long the content is.
    public enum Content: Equatable, Sendable {
        case octets(Int64)
        case chunked
        /// Up to the end of the connection.
        case untilEnd
    }

    /// 100...599.
    public internal(set) var status = 0
    public internal(set) var content = Content.untilEnd
    /// Whether the connection may serve another request.
    public internal(set) var keepsAlive = true
    /// When the server says it answered.
    public internal(set) var date: HTTPDate?
    /// The part that a 206 brings; nil when it does not say, or says it wrongly.
    public internal(set) var range: (first: Int64, last: Int64, size: Int64)?
    /// The target of a `Link` with `rel="next"`: printable ASCII as it stands there, at most `ResponseHead.linkLimit` octets.
    public internal(set) var next: [UInt8]?
    /// `Cache-Control: no-store`: what this program's listings say, and the Go implementation's do not.
    public internal(set) var isNotStored = false

    public static let linkLimit = 512

    public static func == (a: ResponseHead, b: ResponseHead) -> Bool {
        a.status == b.status && a.content == b.content && a.keepsAlive == b.keepsAlive && a.date == b.date && a.next == b.next
            && a.isNotStored == b.isNotStored && a.range?.first == b.range?.first && a.range?.last == b.range?.last && a.range?.size == b.range?.size
    }
}

/// Why a response is given up, and the connection with it.
public enum ResponseDefect: Error, Equatable, Sendable {
    /// A line ends without CR, or a control character stands in it.
    case badOctet
    /// The status line is not `HTTP/1.x SP 3DIGIT`.
    case badStatusLine
    case badField
    /// More than `Bounds.requestHead` octets or `Bounds.requestFields` fields.
    case headTooLong
    /// Where the content ends is not clear (RFC 9112, section 6.3), or a chunk is none.
    case badFraming
    /// A transfer coding other than chunked, or a content coding, which nobody asked for.
    case unknownCoding

    /// One clause for a person.
    public var description: StaticString {
        switch self {
        case .badOctet: "a line of the response has an octet that no line may have"
        case .badStatusLine: "the response does not begin as HTTP/1"
        case .badField: "a field of the response is none"
        case .headTooLong: "the head of the response is too long"
        case .badFraming: "the response does not say clearly where it ends"
        case .unknownCoding: "the response is encoded in a way that was not asked for"
        }
    }
}

extension ResponseHead {
    /// Parses a complete head, as `HeadScanner` found it.
    ///
    /// - Parameters:
    ///   - buffer: the octets of the head and nothing else.
    ///   - now: for dates with years of two digits.
    public init(parsing buffer: UnsafeRawBufferPointer, now: HTTPDate) throws(ResponseDefect) {
        guard buffer.count <= Bounds.requestHead else { throw .headTooLong }
        var parser = ResponseFieldParser(now: now)
        var start = 0, isFirst = true
        while start < buffer.count {
            var end = start
            while end < buffer.count, buffer[end] != 0x0D { end += 1 }
            guard end + 1 < buffer.count, buffer[end + 1] == 0x0A else { throw .badOctet }
            let line = buffer.part(start, end)
            start = end + 2
            if isFirst { try readStatusLine(line) } else if line.isEmpty {
                guard start == buffer.count else { throw .badOctet }
                try parser.finish(&self)
                return
            } else { try parser.take(line, &self) }
            isFirst = false
        }
        throw .badOctet
    }

    /// `HTTP/1.x SP 3DIGIT [ SP reason ]` (RFC 9112, section 4).
    private mutating func readStatusLine(_ line: UnsafeRawBufferPointer) throws(ResponseDefect) {
        guard line.count >= 12, line.startsIgnoringCase("http/1."), line[0] == 0x48, (0x30...0x39).contains(line[7]), line[8] == 0x20,
              let code = Characters.decimal(line.part(9, 12)), (100...599).contains(code), line.count == 12 || line[12] == 0x20 else { throw .badStatusLine }
        for octet in line where !Characters.isFieldValue(octet) { throw .badOctet }
        status = Int(code)
        keepsAlive = line[7] != 0x30
    }
}

/// Parses the field lines of a response one after the other.
private struct ResponseFieldParser {
    let now: HTTPDate
    private var fields = 0
    private var length: Int64?
    private var isChunked = false

    init(now: HTTPDate) { self.now = now }

    mutating func take(_ line: UnsafeRawBufferPointer, _ head: inout ResponseHead) throws(ResponseDefect) {
        fields += 1
        guard fields <= Bounds.requestFields else { throw .headTooLong }
        var colon = 0
        while colon < line.count, Characters.isToken(line[colon]) { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == 0x3A else { throw .badField }
        let value = line.part(colon + 1, line.count).trimmed
        for octet in value where !Characters.isFieldValue(octet) { throw .badOctet }
        try take(line.part(0, colon), value, &head)
    }

    private mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ head: inout ResponseHead) throws(ResponseDefect) {
        switch name.count {
        case 4:
            if name.equalsIgnoringCase("date") { head.date = HTTPDate(value, now: now) }
            if name.equalsIgnoringCase("link") { link(value, &head) }
        case 10: if name.equalsIgnoringCase("connection") { connection(value, &head) }
        case 13:
            if name.equalsIgnoringCase("content-range") { head.range = range(value) }
            if name.equalsIgnoringCase("cache-control"), value.equalsIgnoringCase("no-store") { head.isNotStored = true }
        case 14:
            guard name.equalsIgnoringCase("content-length") else { return }
            guard length == nil, let number = Characters.decimal(value) else { throw .badFraming }
            length = number
        case 16: if name.equalsIgnoringCase("content-encoding"), !value.equalsIgnoringCase("identity") { throw .unknownCoding }
        case 17:
            guard name.equalsIgnoringCase("transfer-encoding") else { return }
            guard value.equalsIgnoringCase("chunked"), !isChunked else { throw .unknownCoding }
            isChunked = true
        default: break
        }
    }

    /// RFC 9112, section 6.3: both at once is how responses are smuggled.
    func finish(_ head: inout ResponseHead) throws(ResponseDefect) {
        if isChunked, length != nil { throw .badFraming }
        if head.status < 200 || head.status == 204 || head.status == 304 { head.content = .octets(0) }
        else if isChunked { head.content = .chunked } else if let length { head.content = .octets(length) }
        else {
            head.content = .untilEnd
            head.keepsAlive = false
        }
    }

    private func connection(_ value: UnsafeRawBufferPointer, _ head: inout ResponseHead) {
        var start = 0
        while start <= value.count {
            var end = start
            while end < value.count, value[end] != 0x2C { end += 1 }
            let option = value.part(start, end).trimmed
            if option.equalsIgnoringCase("close") { head.keepsAlive = false }
            start = end + 1
        }
    }

    /// `bytes first-last/size` (RFC 9110, section 14.4).
    private func range(_ value: UnsafeRawBufferPointer) -> (Int64, Int64, Int64)? {
        guard value.startsIgnoringCase("bytes ") else { return nil }
        let range = value.part(6, value.count)
        guard let dash = range.firstIndex(of: 0x2D), let slash = range.firstIndex(of: 0x2F), dash < slash,
              let first = Characters.decimal(range.part(0, dash)), let last = Characters.decimal(range.part(dash + 1, slash)),
              let size = Characters.decimal(range.part(slash + 1, range.count)), first <= last, last < size else { return nil }
        return (first, last, size)
    }

    /// `<target>; rel="next"` (RFC 8288), also among several.
    private func link(_ value: UnsafeRawBufferPointer, _ head: inout ResponseHead) {
        var position = 0
        while let open = value.part(position, value.count).firstIndex(of: 0x3C).map({ $0 + position }) {
            guard let close = value.part(open, value.count).firstIndex(of: 0x3E).map({ $0 + open }) else { return }
            var end = close
            while end < value.count, value[end] != 0x2C { end += 1 }
            let target = value.part(open + 1, close)
            if isNext(value.part(close + 1, end)), !target.isEmpty, target.count <= ResponseHead.linkLimit,
               target.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) { head.next = Array(target) }
            position = end
        }
    }

    private func isNext(_ parameters: UnsafeRawBufferPointer) -> Bool {
        var start = 0
        while start < parameters.count {
            var end = start
            while end < parameters.count, parameters[end] != 0x3B { end += 1 }
            let parameter = parameters.part(start, end).trimmed
            if parameter.equalsIgnoringCase("rel=\"next\"") || parameter.equalsIgnoringCase("rel=next") { return true }
            start = end + 1
        }
        return false
    }
}
