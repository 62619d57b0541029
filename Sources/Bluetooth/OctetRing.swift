import CLinux

/// Octets in the order in which they came, in memory of a fixed size that is there between `allocate` and `free`.
struct OctetRing: ~Copyable {
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var start = 0
    private(set) var count = 0

    deinit { memory.deallocate() }

    mutating func allocate(_ capacity: Int) {
        free()
        memory = .allocate(byteCount: capacity, alignment: 1)
    }

    /// Forgets what there is, and gives the memory back.
    mutating func free() {
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        start = 0
        count = 0
    }

    var capacity: Int { memory.count }
    var room: Int { memory.count - count }

    /// The stretch of `length` octets at most that begins so many octets behind the first and lies in one piece.
    private func piece(_ offset: Int, _ length: Int) -> UnsafeMutableRawBufferPointer {
        var from = start + offset
        if from >= memory.count { from -= memory.count }
        return UnsafeMutableRawBufferPointer(rebasing: memory[from..<from + min(length, memory.count - from)])
    }

    /// Takes what there is room for; returns how much.
    mutating func append(_ octets: UnsafeRawBufferPointer) -> Int {
        let taken = min(octets.count, room)
        var rest = UnsafeRawBufferPointer(rebasing: octets[..<taken])
        while !rest.isEmpty {
            let free = piece(count, rest.count)
            free.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<free.count]))
            count += free.count
            rest = UnsafeRawBufferPointer(rebasing: rest[free.count...])
        }
        return taken
    }

    /// Takes octets of an open file, as many as there is room for; returns how many, less than 1 when it cannot be read.
    mutating func append(_ file: Int32, offset: Int64, limit: Int) -> Int {
        var taken = 0
        while taken < limit, room > 0 {
            let free = piece(count, min(limit - taken, room))
            let read = maud_pread(file, free.baseAddress, free.count, offset + Int64(taken))
            if read <= 0 { return taken > 0 ? taken : read }
            count += read
            taken += read
        }
        return taken
    }

    /// Copies octets that begin `offset` behind the first one; there are as many as `buffer` takes.
    func copy(from offset: Int, to buffer: UnsafeMutableRawBufferPointer) {
        var done = 0
        while done < buffer.count {
            let next = piece(offset + done, buffer.count - done)
            UnsafeMutableRawBufferPointer(rebasing: buffer[done...]).copyMemory(from: UnsafeRawBufferPointer(next))
            done += next.count
        }
    }

    /// Forgets the first ones.
    mutating func drop(_ octets: Int) {
        start += octets
        if start >= memory.count { start -= memory.count }
        count -= octets
    }
}
