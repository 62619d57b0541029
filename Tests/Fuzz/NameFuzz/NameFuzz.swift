import Content
import OpenPGP
import Readings
import System

/// Names, numbers and fingerprints: what is accepted is written again as it was read.
@c(LLVMFuzzerTestOneInput)
public func fuzzName(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: octets, count: count))
    let isName = input.withUnsafeBytes { FileName.defect(of: $0) } == nil
    precondition(isName == ((try? FileName(input)) != nil))
    if isName { precondition(input.count <= 255 && !input.contains(0x2F) && !input.contains(0) && input.first != 0x2E) }
    if let batch = BatchName(input) { precondition(batch.octets == input) }
    if let fingerprint = Fingerprint(hexadecimal: input) { precondition(fingerprint.hexadecimal.count == input.count) }
    if let decimal = Decimal(octets: input) {
        precondition(decimal.compare(decimal) == 0)
        _ = decimal.scaled(3)
        _ = decimal + decimal
        _ = decimal * decimal
    }
    return 0
}
