/// A sorted list of record numbers, two octets each, growing by an eighth so that little of it is unused.
struct Order: ~Copyable {
    private var storage: UnsafeMutableBufferPointer<UInt16> = UnsafeMutableBufferPointer(start: nil, count: 0)
    private(set) var count = 0

    deinit { storage.deallocate() }

    subscript(position: Int) -> UInt16 { storage[position] }

    mutating func insert(_ record: UInt16, at position: Int) {
        if count == storage.count { grow() }
        var index = count
        while index > position { storage[index] = storage[index - 1]; index -= 1 }
        storage[position] = record
        count += 1
    }

    mutating func remove(at position: Int) {
        count -= 1
        var index = position
        while index < count { storage[index] = storage[index + 1]; index += 1 }
    }

    private mutating func grow() {
        let larger = UnsafeMutableBufferPointer<UInt16>.allocate(capacity: count + max(32, count / 8))
        for index in 0..<count { larger[index] = storage[index] }
        storage.deallocate()
        storage = larger
    }

    /// The first position for which `isBefore` is false.
    func partition(_ isBefore: (UInt16) -> Bool) -> Int {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(storage[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
