/// A sorted list of record numbers, two octets each, in blocks: it grows without leaving anything behind on the heap, and an
/// insertion moves memory block by block.
struct Order: ~Copyable {
    private static let blockSize = 256
    private var blocks: [UnsafeMutablePointer<UInt16>] = []
    private(set) var count = 0

    deinit { for block in blocks { block.deallocate() } }

    var heapOctets: Int { blocks.count * Order.blockSize * 2 + blocks.capacity * MemoryLayout<UInt>.stride }

    subscript(position: Int) -> UInt16 { blocks[position / Order.blockSize][position % Order.blockSize] }

    mutating func insert(_ record: UInt16, at position: Int) {
        if count == blocks.count * Order.blockSize { blocks.append(.allocate(capacity: Order.blockSize)) }
        var carried = record, offset = position % Order.blockSize
        var index = position / Order.blockSize
        while true {
            let block = blocks[index]
            let used = min(count - index * Order.blockSize, Order.blockSize)
            let isFull = used == Order.blockSize
            let last = isFull ? block[used - 1] : 0
            let moved = (isFull ? used - 1 : used) - offset
            if moved > 0 { (block + offset + 1).update(from: block + offset, count: moved) }
            block[offset] = carried
            if !isFull { break }
            // What falls out at the end of a full block goes to the beginning of the next.
            carried = last
            index += 1
            offset = 0
        }
        count += 1
    }

    mutating func remove(at position: Int) {
        var index = position / Order.blockSize, offset = position % Order.blockSize
        let last = (count - 1) / Order.blockSize
        while true {
            let block = blocks[index]
            let used = min(count - index * Order.blockSize, Order.blockSize)
            if used - offset > 1 { (block + offset).update(from: block + offset + 1, count: used - offset - 1) }
            if index == last { break }
            block[Order.blockSize - 1] = blocks[index + 1][0]
            index += 1
            offset = 0
        }
        count -= 1
        if count % Order.blockSize == 0 { blocks.removeLast().deallocate() }
    }

    /// The first position for which `isBefore` is false.
    func partition(_ isBefore: (UInt16) -> Bool) -> Int {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
