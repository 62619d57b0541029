import CLinux
import System

/// Whether memory of this process may be written to a disk.
public enum Swap {
    /// True when any swap area lies on a disk and this control group may use swap. Compressed memory (zram without a
    /// backing device) is memory. What cannot be read counts as swap.
    public static var reachesDisk: Bool {
        guard let areas = try? Files.read("/proc/swaps", limit: 64 << 10) else { return true }
        if !hasDiskArea(areas, isBacked: zramIsBacked) { return false }
        return !controlGroupForbidsSwap()
    }

    /// Parses /proc/swaps: a heading, then a line an area that begins with its path.
    static func hasDiskArea(_ areas: [UInt8], isBacked: (_ device: [UInt8]) -> Bool) -> Bool {
        var isHeading = true
        for line in areas.split(separator: 0x0A) {
            if isHeading { isHeading = false; continue }
            guard let path = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 }).first else { continue }
            let name = Array(path.split(separator: 0x2F).last ?? [])
            if !name.starts(with: Array<UInt8>("zram")) || isBacked(name) { return true }
        }
        return false
    }

    /// zram may write idle pages to a backing device.
    private static func zramIsBacked(_ device: [UInt8]) -> Bool {
        guard let text = try? Files.read("/sys/block/\(device.text)/backing_dev", limit: 4096) else { return false }
        return !text.starts(with: Array<UInt8>("none"))
    }

    /// Whether memory.swap.max is 0 for our control group (version 2) or one above it.
    private static func controlGroupForbidsSwap() -> Bool {
        guard let groups = try? Files.read("/proc/self/cgroup", limit: 64 << 10) else { return false }
        for line in groups.split(separator: 0x0A) where line.starts(with: Array<UInt8>("0::/")) {
            var path = Array(line.dropFirst(3))
            while !path.isEmpty {
                if path.last == 0x2F { path.removeLast(); continue }
                let file = "/sys/fs/cgroup\(path.text)/memory.swap.max"
                if let value = try? Files.read(file, limit: 64), value == [0x30, 0x0A] { return true }
                while let last = path.last, last != 0x2F { path.removeLast() }
            }
        }
        return false
    }
}
