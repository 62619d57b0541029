import Board
import JSON
import OpenPGP
import Vocabulary

/// A board.json; what is accepted must make documents that are JSON.
@c(LLVMFuzzerTestOneInput)
public func fuzzBoardFile(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let text = Array(UnsafeBufferPointer(start: octets, count: count))
    guard let fingerprint = Fingerprint("0123456789abcdef0123456789abcdef01234567") else { return 0 }
    let board: Board
    do { board = try Board(json: text) } catch {
        precondition(error.description(file: "board.json").octets.count > 0)
        return 0
    }
    let document = deviceDocument(board: board, fingerprint: fingerprint, softwareVersion: "1")
    precondition((try? JSONDocument(document, limit: document.count)) != nil, "the device document is no JSON")
    return 0
}
