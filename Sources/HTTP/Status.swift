import System

/// The status codes this server sends (RFC 9110, section 15; 431: RFC 6585).
public enum Status: Int, Sendable {
    case ok = 200
    case partialContent = 206
    case notModified = 304
    case badRequest = 400
    case notFound = 404
    case methodNotAllowed = 405
    case requestTimeout = 408
    case preconditionFailed = 412
    case contentTooLarge = 413
    case uriTooLong = 414
    case rangeNotSatisfiable = 416
    case expectationFailed = 417
    case requestHeaderFieldsTooLarge = 431
    case internalServerError = 500
    case notImplemented = 501
    case serviceUnavailable = 503
    case versionNotSupported = 505

    /// The code and the reason phrase, as on the status line.
    public var line: StaticString {
        switch self {
        case .ok: "200 OK"
        case .partialContent: "206 Partial Content"
        case .notModified: "304 Not Modified"
        case .badRequest: "400 Bad Request"
        case .notFound: "404 Not Found"
        case .methodNotAllowed: "405 Method Not Allowed"
        case .requestTimeout: "408 Request Timeout"
        case .preconditionFailed: "412 Precondition Failed"
        case .contentTooLarge: "413 Content Too Large"
        case .uriTooLong: "414 URI Too Long"
        case .rangeNotSatisfiable: "416 Range Not Satisfiable"
        case .expectationFailed: "417 Expectation Failed"
        case .requestHeaderFieldsTooLarge: "431 Request Header Fields Too Large"
        case .internalServerError: "500 Internal Server Error"
        case .notImplemented: "501 Not Implemented"
        case .serviceUnavailable: "503 Service Unavailable"
        case .versionNotSupported: "505 HTTP Version Not Supported"
        }
    }
}
