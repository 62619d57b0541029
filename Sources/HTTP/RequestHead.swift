/// The head of a request (RFC 9112, sections 2 and 3), parsed in place: parts are spans of the buffer that it was parsed
/// from, and mean something only together with it.
public struct RequestHead {
    /// A stretch of the parsed buffer. Empty: absent, or empty.
    public struct Span: Equatable, Sendable {
        public internal(set) var start: UInt16 = 0
        public internal(set) var count: UInt16 = 0

        /// These octets of the buffer that the head was parsed from.
        @inline(__always)
        public func octets(of buffer: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: buffer[Int(start)..<Int(start) + Int(count)])
        }
    }

    /// The methods of RFC 9110 and RFC 5789; every other is `unknown` and gets 501.
    public enum Method: Equatable, Sendable { case get, head, put, known, unknown }

    public internal(set) var method = Method.unknown
    /// The minor version: 0 or 1. A higher one of HTTP/1 counts as 1 (RFC 9110, section 2.5).
    public internal(set) var minorVersion: UInt8 = 1
    /// The path of the target, still percent-encoded; empty for the asterisk and authority forms.
    public internal(set) var path = Span()
    /// The query without its "?".
    public internal(set) var query = Span()
    /// Whether the connection may serve another request after this one (RFC 9112, section 9.3).
    public internal(set) var keepsAlive = true
    /// Whether content follows the head. Where it is not taken the request is answered and the connection closed.
    public internal(set) var hasContent = false
    /// Octets of the content; nil when it is chunked.
    public internal(set) var contentLength: Int64? = 0
    /// `Expect: 100-continue`: the content comes when it is asked for.
    public internal(set) var expectsContinue = false
    /// `Prefer: return=representation` (RFC 7240).
    public internal(set) var prefersRepresentation = false
    /// `Expect` asks for something other than 100-continue: 417.
    public internal(set) var hasUnknownExpectation = false
    /// The values of conditional fields, empty when absent. A field that is there twice counts as absent.
    public internal(set) var range = Span()
    public internal(set) var ifRange = Span()
    public internal(set) var ifMatch = Span()
    public internal(set) var ifNoneMatch = Span()
    public internal(set) var ifModifiedSince = Span()
    public internal(set) var ifUnmodifiedSince = Span()
    /// Octets of the head, its empty line included: the next request begins there.
    public internal(set) var count = 0

    init() {}
}

/// Why a request head is refused, and with which status. The connection closes after each: where the next request
/// would begin is not known, or not to be believed.
public enum RequestDefect: Error, Equatable, Sendable {
    /// A line ends without CR, or a CR, a NUL or another control character stands in it (RFC 9112, section 2.2).
    case badOctet
    /// The request line is not `method SP target SP version` (RFC 9112, section 3).
    case badRequestLine
    /// The target is in none of the four forms, or has octets that a URI has not (RFC 9112, section 3.2).
    case badTarget
    /// Not HTTP/1 (505).
    case versionNotSupported
    /// A field line without name, with a blank before the colon, or folded (RFC 9112, section 5).
    case badField
    /// More than `Bounds.requestFields` fields (431).
    case tooManyFields
    /// HTTP/1.1 without `Host`, `Host` twice, or one that is no host (RFC 9112, section 3.2).
    case badHost
    /// `Content-Length` twice or not a number, `Transfer-Encoding` beside it, twice, in HTTP/1.0 or not ending in
    /// chunked: what requests are smuggled with (RFC 9112, sections 6.1 to 6.3 and 11.2).
    case badFraming
    /// A transfer coding other than chunked (501).
    case unknownTransferCoding
    /// No head has its end within `Bounds.requestHead`, and not even the request line has (414), or that has (431).
    case requestLineTooLong, headTooLong

    /// The status it is answered with.
    public var status: Status {
        switch self {
        case .badOctet, .badRequestLine, .badTarget, .badField, .badHost, .badFraming: .badRequest
        case .versionNotSupported: .versionNotSupported
        case .tooManyFields, .headTooLong: .requestHeaderFieldsTooLarge
        case .requestLineTooLong: .uriTooLong
        case .unknownTransferCoding: .notImplemented
        }
    }
}
