import OpenPGP

/// The packets of an OpenPGP message: classified by its head and as a whole, and its literal data.
@c(LLVMFuzzerTestOneInput)
public func fuzzMessage(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let message = UnsafeRawBufferPointer(start: octets, count: count)
    guard let whole = Classification.classify(message, size: count) else {
        precondition(count < Classification.headLimit, "the whole message is never too little")
        return 0
    }
    for length in [0, 1, 2, 6, count / 2, max(0, count - 1)] where length < count {
        let head = UnsafeRawBufferPointer(rebasing: message[0..<length])
        // What a head says is what the whole says: more octets never change who may see a file.
        if let early = Classification.classify(head, size: count) { precondition(early == whole) }
    }
    if let literal = try? LiteralData(ofMessage: message), let contents = try? literal.contents() { precondition(contents.count <= count) }
    return 0
}
