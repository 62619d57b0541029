import HTTP

/// What a request head says, copied out of its buffer.
struct Parsed: Equatable {
    var method: RequestHead.Method
    var minorVersion: UInt8
    var path: String
    var query: String
    var keepsAlive: Bool
    var hasContent: Bool
}

/// Scans and parses as the server does; nil when the head is not complete.
func parse(_ text: String) throws -> (RequestHead, Parsed)? {
    try parse(Array(text.utf8))
}

func parse(_ octets: [UInt8]) throws -> (RequestHead, Parsed)? {
    try octets.withUnsafeBytes { buffer in
        var scanner = HeadScanner()
        guard let end = try scanner.end(in: buffer) else { return nil }
        let whole = UnsafeRawBufferPointer(rebasing: buffer[0..<end])
        let head = try RequestHead(parsing: whole)
        return (head, Parsed(method: head.method, minorVersion: head.minorVersion, path: String(decoding: head.path.octets(of: whole), as: UTF8.self),
                             query: String(decoding: head.query.octets(of: whole), as: UTF8.self), keepsAlive: head.keepsAlive, hasContent: head.hasContent))
    }
}

/// The octets of a text for the duration of a call.
func octets<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
}
