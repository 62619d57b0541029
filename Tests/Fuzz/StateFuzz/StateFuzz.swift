@testable import Commands
import Content
import OpenPGP
@testable import Syncer
import System

/// Files of the state directory: the ledger and the positions of the syncer, as they are and with a checksum that is right.
@c(LLVMFuzzerTestOneInput)
public func fuzzState(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: octets, count: count))
    var sealed = input
    SHA256Sum(of: input).withBytes { sealed.append(contentsOf: $0) }
    for file in [input, sealed] {
        if let ledger = LedgerContents(file) {
            precondition(ledger.records.count < 1 << 16 && LedgerContents(ledger.octets)?.octets == ledger.octets)
            for record in ledger.records { precondition((record.outcome.value?.decimals ?? 0) <= 9) }
        }
        if let positions = SyncState.positions(in: file) { precondition(positions.count * 28 + 8 + SHA256Sum.count == file.count) }
    }
    return 0
}
