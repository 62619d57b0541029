import System

/// The records of one directory, ordered by name and, those that are listed, by time. At most 65,535.
///
/// Fixed-size records in chunks, a list of two-octet numbers for each order: no object per file, nothing moves, and
/// ten thousand files cost little more than their names and sums. See docs/content.md for the measured size.
final class Table {
    private static let chunkSize = 32
    private var chunks: [UnsafeMutablePointer<Record>] = []
    /// Records that were used and are free: the first word of each names the next.
    private var firstFree: UInt16 = .max
    private var used = 0
    private var byName = Order()
    private var byTime = Order()
    /// Whether several records may have one name: then the sum orders them (versions).
    private let isOrderedBySum: Bool
    /// Octets of all files in it.
    private(set) var octets: Int64 = 0

    init(isOrderedBySum: Bool) { self.isOrderedBySum = isOrderedBySum }

    deinit {
        for position in 0..<byName.count { releaseName(byName[position]) }
        for chunk in chunks { chunk.deallocate() }
    }

    var count: Int { byName.count }
    var listedCount: Int { byTime.count }
    /// The record at a position of the order by name.
    func record(named position: Int) -> UInt16 { byName[position] }
    /// The record at a position of the listing.
    func record(listed position: Int) -> UInt16 { byTime[position] }

    /// Octets of memory that the records and their orders take, names of more than 40 octets aside.
    var heapOctets: Int {
        chunks.count * Table.chunkSize * MemoryLayout<Record>.stride + chunks.capacity * MemoryLayout<UInt>.stride + byName.heapOctets + byTime.heapOctets
    }

    /// Record numbers below this were used at some time.
    var capacity: Int { used }

    /// A record: valid until it is removed.
    @inline(__always)
    subscript(index: UInt16) -> UnsafeMutablePointer<Record> {
        chunks[Int(index) / Table.chunkSize] + Int(index) % Table.chunkSize
    }

    /// The name of a record: valid until it is removed.
    func name(_ index: UInt16) -> UnsafeRawBufferPointer {
        let record = self[index]
        let count = Int(record.pointee.nameCount)
        if count <= Record.inlineName { return UnsafeRawBufferPointer(start: UnsafeRawPointer(record), count: count) }
        return UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: UInt(record.pointee.name.4)), count: count)
    }

    // MARK: By name

    /// The position of the first record that is not before this name (and sum).
    func position(_ name: UnsafeRawBufferPointer, _ sum: SHA256Sum? = nil) -> Int {
        let key = NameKey(name)
        return byName.partition { index in
            let order = key.compare(self[index].pointee, of: self, index)
            if order != 0 || !isOrderedBySum { return order > 0 }
            guard let sum else { return false }
            return self[index].pointee.sum.precedes(sum)
        }
    }

    /// The record of a name, or of a name and sum.
    func find(_ name: UnsafeRawBufferPointer, _ sum: SHA256Sum? = nil) -> UInt16? {
        let position = position(name, sum)
        guard position < byName.count else { return nil }
        let index = byName[position]
        guard NameKey(name).compare(self[index].pointee, of: self, index) == 0 else { return nil }
        if let sum, isOrderedBySum, self[index].pointee.sum != sum { return nil }
        return index
    }

    /// A new record that is not listed; nil when the table is full. The name must not be there yet.
    func insert(_ name: UnsafeRawBufferPointer, sum: SHA256Sum = SHA256Sum()) -> UInt16? {
        guard name.count <= Bounds.fileNameLength, let index = takeFree() else { return nil }
        let record = self[index]
        record.initialize(to: Record(name: NameKey(name).words, sum: sum, size: 0, modificationTime: 0, changeTime: 0, inode: 0,
                                     audience: Audiences.unknown, flags: [], nameCount: UInt8(name.count)))
        if name.count > Record.inlineName {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: name.count, alignment: 1)
            copy.copyMemory(from: name)
            record.pointee.name.4 = UInt64(UInt(bitPattern: copy.baseAddress))
        }
        byName.insert(index, at: position(name, sum))
        return index
    }

    func remove(_ index: UInt16) {
        unlist(index)
        setSize(index, 0)
        byName.remove(at: position(name(index), self[index].pointee.sum))
        releaseName(index)
        self[index].pointee.flags = []
        self[index].pointee.name.0 = UInt64(firstFree)
        firstFree = index
    }

    /// Changes the size of a file; the sum of all follows.
    func setSize(_ index: UInt16, _ size: Int64) {
        octets += size - self[index].pointee.size
        self[index].pointee.size = size
    }

    private func takeFree() -> UInt16? {
        if firstFree != .max {
            let index = firstFree
            firstFree = UInt16(truncatingIfNeeded: self[index].pointee.name.0)
            return index
        }
        guard used < Int(UInt16.max) else { return nil }
        if used == chunks.count * Table.chunkSize { chunks.append(.allocate(capacity: Table.chunkSize)) }
        defer { used += 1 }
        return UInt16(used)
    }

    private func releaseName(_ index: UInt16) {
        if Int(self[index].pointee.nameCount) > Record.inlineName { UnsafeMutableRawPointer(mutating: name(index).baseAddress)?.deallocate() }
    }

    // MARK: By time

    /// The first position in the listing that is not before the cursor.
    func position(_ cursor: Cursor) -> Int {
        byTime.partition { Cursor(modificationTime: self[$0].pointee.modificationTime, sum: self[$0].pointee.sum) < cursor }
    }

    /// Puts a record into the listing by its time and sum; take it out before they change.
    func list(_ index: UInt16) {
        guard !self[index].pointee.flags.contains(.listed) else { return }
        self[index].pointee.flags.insert(.listed)
        byTime.insert(index, at: position(cursor(index)))
    }

    func unlist(_ index: UInt16) {
        guard self[index].pointee.flags.contains(.listed) else { return }
        self[index].pointee.flags.remove(.listed)
        // Copies of one file with one time have the same place in the order: look for this very one.
        var position = position(cursor(index))
        while byTime[position] != index { position += 1 }
        byTime.remove(at: position)
    }

    private func cursor(_ index: UInt16) -> Cursor {
        Cursor(modificationTime: self[index].pointee.modificationTime, sum: self[index].pointee.sum)
    }
}

/// A name prepared for comparing: five words tell most names apart without looking at octets.
private struct NameKey {
    let words: (UInt64, UInt64, UInt64, UInt64, UInt64)
    private let octets: UnsafeRawBufferPointer

    init(_ name: UnsafeRawBufferPointer) {
        var words: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
        let count = name.count <= Record.inlineName ? name.count : 32
        withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: name[0..<count])) }
        self.words = words
        octets = name
    }

    /// Above 0 when the record comes before this name, 0 when it has it, octet by octet.
    func compare(_ record: Record, of table: Table, _ index: UInt16) -> Int {
        if words.0 != record.name.0 { return words.0.bigEndian > record.name.0.bigEndian ? 1 : -1 }
        if words.1 != record.name.1 { return words.1.bigEndian > record.name.1.bigEndian ? 1 : -1 }
        if words.2 != record.name.2 { return words.2.bigEndian > record.name.2.bigEndian ? 1 : -1 }
        if words.3 != record.name.3 { return words.3.bigEndian > record.name.3.bigEndian ? 1 : -1 }
        if octets.count <= Record.inlineName, Int(record.nameCount) <= Record.inlineName {
            if words.4 == record.name.4 { return 0 }
            return words.4.bigEndian > record.name.4.bigEndian ? 1 : -1
        }
        let other = table.name(index)
        for position in 32..<max(32, min(octets.count, other.count)) where octets[position] != other[position] {
            return octets[position] > other[position] ? 1 : -1
        }
        return octets.count - other.count
    }
}
