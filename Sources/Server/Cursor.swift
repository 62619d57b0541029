import Content
import System

/// How the place where a page ends is written in a `Link`: `<nanoseconds since 1970>-<sha256>` of its last entry. It
/// stays right when that entry is removed or others come: it names a place in the order and not an entry.
extension Cursor {
    /// Reads a decoded cursor; nil when it is none of ours.
    init?(_ octets: [UInt8]) {
        let start = octets.first == 0x2D ? 1 : 0
        guard let dash = octets[start...].firstIndex(of: 0x2D), dash - start >= 1, dash - start <= 19 else { return nil }
        var magnitude: UInt64 = 0
        for digit in octets[start..<dash] {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            magnitude = magnitude * 10 + UInt64(digit - 0x30) // 19 digits fit
        }
        guard magnitude <= UInt64(Int64.max), let sum = SHA256Sum(hexadecimal: octets[(dash + 1)...]) else { return nil }
        self.init(modificationTime: start == 1 ? -Int64(magnitude) : Int64(magnitude), sum: sum)
    }

    /// The written form: 64 hexadecimal digits after a number, so nothing in it needs percent-encoding.
    var octets: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(96)
        out.append(decimal: modificationTime)
        out.append(0x2D)
        sum.withBytes { out.append(hexadecimal: $0) }
        return out
    }
}
