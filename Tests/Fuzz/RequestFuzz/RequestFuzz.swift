import HTTP
import System

/// A request head, and each of its parts as the server goes on to parse it.
@c(LLVMFuzzerTestOneInput)
public func fuzzRequest(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = UnsafeRawBufferPointer(start: octets, count: count)
    var scanner = HeadScanner()
    guard let end = try? scanner.end(in: input) else { return 0 }
    let whole = UnsafeRawBufferPointer(rebasing: input[0..<end])
    guard let head = try? RequestHead(parsing: whole) else { return 0 }
    fuzzPath(head.path.octets(of: whole))
    _ = try? ListingQuery(head.query.octets(of: whole))
    _ = ByteRange(head.range.octets(of: whole), size: Int64(count))
    _ = HTTPDate(head.ifModifiedSince.octets(of: whole), now: HTTPDate(seconds: 1_800_000_000))
    _ = EntityTag.list(head.ifNoneMatch.octets(of: whole), holds: SHA256Sum(), weakly: true)
    return 0
}

/// No segment may hold what means something to a file system.
private func fuzzPath(_ path: UnsafeRawBufferPointer) {
    let segment = UnsafeMutableRawBufferPointer.allocate(byteCount: path.count + 1, alignment: 1)
    defer { segment.deallocate() }
    var segments = PathSegments(path)
    while let length = (try? segments.next(into: segment)) ?? nil {
        let decoded = segment[0..<length]
        precondition(!decoded.contains(0x2F) && !decoded.contains(0) && !decoded.elementsEqual([0x2E]) && !decoded.elementsEqual([0x2E, 0x2E]))
    }
}
