import Content
import HTTP
import Peer
import System

/// A response: its head, then its content as chunks and as a listing, whole and in pieces.
@c(LLVMFuzzerTestOneInput)
public func fuzzResponse(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = UnsafeRawBufferPointer(start: octets, count: count)
    var scanner = HeadScanner()
    guard let end = try? scanner.end(in: input) else { return 0 }
    if let head = try? ResponseHead(parsing: UnsafeRawBufferPointer(rebasing: input[0..<end]), now: HTTPDate(seconds: 1_800_000_000)) {
        precondition((100...599).contains(head.status) && head.next?.count ?? 0 <= ResponseHead.linkLimit)
        if let range = head.range { precondition(range.first >= 0 && range.first <= range.last && range.last < range.size) }
    }
    let content = UnsafeRawBufferPointer(rebasing: input[end...])
    precondition(chunks(content, step: .max) == chunks(content, step: 3))
    precondition(listing(content, step: .max) == listing(content, step: 5))
    return 0
}

/// The content, nil when it is not chunked.
private func chunks(_ input: UnsafeRawBufferPointer, step: Int) -> [UInt8]? {
    var decoder = ChunkedDecoder(), out: [UInt8] = [], position = 0
    while position < input.count, !decoder.isComplete {
        let piece = UnsafeRawBufferPointer(rebasing: input[position..<position + min(step, input.count - position)])
        guard let read = try? decoder.decode(piece, { out += $0; return true }) else { return nil }
        precondition(read == piece.count || decoder.isComplete)
        position += read
    }
    return out
}

/// The entries; nothing that is not checked may come out. Nil at the end when the text is no listing.
private func listing(_ input: UnsafeRawBufferPointer, step: Int) -> [ListedFile?] {
    var parser = ListingParser(), out: [ListedFile?] = [], position = 0
    while position < input.count {
        let piece = UnsafeRawBufferPointer(rebasing: input[position..<position + min(step, input.count - position)])
        do throws(ListingParser.Defect) {
            try parser.parse(piece) { event in
                guard case .file(let file) = event else { return }
                precondition(file.size >= 0 && file.name.octets.withUnsafeBytes { FileName.defect(of: $0) } == nil)
                out.append(file)
            }
        } catch { return out + [nil] }
        position += piece.count
    }
    return out
}
