import Content
import OpenPGP
import Peer
import System

/// Files that are to be fetched, oldest first, in one piece of memory: at most `Bounds.syncEntries`.
struct EntryQueue {
    private var octets: [UInt8] = []
    private var position = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var isFull: Bool { count >= Bounds.syncEntries }

    mutating func append(_ file: ListedFile) {
        octets.append(UInt8(truncatingIfNeeded: file.name.octets.count))
        octets.append(contentsOf: file.name.octets)
        withUnsafeBytes(of: file.size) { octets.append(contentsOf: $0) }
        file.sum.withBytes { octets.append(contentsOf: $0) }
        count += 1
    }

    /// The first file, which stays.
    var first: (name: FileName, size: Int64, sum: SHA256Sum)? {
        guard count > 0 else { return nil }
        let nameEnd = position + 1 + Int(octets[position])
        guard let name = try? FileName(octets[(position + 1)..<nameEnd]) else { return nil }
        var size: Int64 = 0, sum = SHA256Sum()
        octets.withUnsafeBytes { all in
            withUnsafeMutableBytes(of: &size) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[nameEnd..<nameEnd + 8])) }
            withUnsafeMutableBytes(of: &sum.words) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[(nameEnd + 8)..<(nameEnd + 40)])) }
        }
        return (name, size, sum)
    }

    mutating func removeFirst() {
        guard count > 0 else { return }
        position += 41 + Int(octets[position])
        count -= 1
        if count == 0 { self = EntryQueue() }
    }
}
