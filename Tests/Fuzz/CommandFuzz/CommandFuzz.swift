@testable import Commands
import OpenPGP

/// A command's text, a command file from outside, and the ledger on the disk: whatever is in them.
@c(LLVMFuzzerTestOneInput)
public func fuzzCommand(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: octets, count: count))
    if let command = try? Command(input) {
        precondition(command.startTime >= 0 && !command.target.isEmpty && command.target.count <= 32)
        if let value = command.value { precondition(value.decimals >= 0 && value.decimals <= 9) }
    }
    let own = KeyID(rawValue: 0x0102_0304_0506_0708)
    if CommandMessage.isAcceptable(input, own: [own], sender: []) {
        // What is acceptable is encrypted, to this key alone.
        guard case .encrypted(let recipients) = input.withUnsafeBytes({ Classification.classify($0, size: count) }) else { preconditionFailure("not encrypted") }
        precondition(recipients.allSatisfy { $0 == own })
    }
    if let ledger = LedgerContents(input) { precondition(LedgerContents(ledger.octets)?.octets == ledger.octets) }
    return 0
}
