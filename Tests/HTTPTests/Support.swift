import HTTP

/// A deterministic sequence (SplitMix64), so that a failing random test fails again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

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
