import System

/// What the kernel says of this process's memory (/proc/self/smaps_rollup), in KiB.
struct MemoryUsage {
    var privateDirty = 0
    var proportional = 0

    /// Reads it now; zeros when the kernel does not tell.
    static func current() -> MemoryUsage {
        var usage = MemoryUsage()
        guard let text = try? Files.read("/proc/self/smaps_rollup", limit: 8192) else { return usage }
        for line in text.split(separator: 0x0A) {
            if let value = number(of: "Private_Dirty:", in: line) { usage.privateDirty = value }
            if let value = number(of: "Pss:", in: line) { usage.proportional = value }
        }
        return usage
    }

    /// The number in "Name:      123 kB".
    static func number(of name: StaticString, in line: ArraySlice<UInt8>) -> Int? {
        guard line.starts(with: Array<UInt8>(name)) else { return nil }
        var value: Int?
        for octet in line.dropFirst(name.utf8CodeUnitCount) where octet >= 0x30 && octet <= 0x39 {
            value = (value ?? 0) * 10 + Int(octet - 0x30)
        }
        return value
    }
}
