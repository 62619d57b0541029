import Testing
import System

@Suite struct LockedMemoryTests {
    @Test func holdsWhatFits() throws {
        let memory = try LockedMemory(capacity: 5)
        #expect([1, 2, 3].withUnsafeBytes { memory.append(UnsafeRawBufferPointer(rebasing: $0[0..<3])) })
        #expect(!Array<UInt8>([4, 5, 6]).withUnsafeBytes { memory.append($0) })
        #expect(memory.count == 3)
    }

    /// The kernel says so itself: locked, and not in core dumps ("lo", "dd" in VmFlags).
    @Test func isLockedAndLeftOutOfDumps() throws {
        let memory = try LockedMemory(capacity: 100)
        let address = UInt(bitPattern: memory.storage.baseAddress)
        let text = try Files.read("/proc/self/smaps", limit: 64 << 20).text
        var inside = false, flags = ""
        for line in text.split(separator: "\n") {
            let bounds = line.prefix { $0 != " " }.split(separator: "-")
            if bounds.count == 2, let low = UInt(bounds[0], radix: 16), let high = UInt(bounds[1], radix: 16) { inside = low <= address && address < high }
            if inside, line.hasPrefix("VmFlags:") { flags = String(line) }
        }
        #expect(flags.contains(" lo") && flags.contains(" dd"), "\(flags)")
    }

    @Test func randomOctetsDiffer() { #expect(Random.octets(16) != Random.octets(16)) }
}
