import CLinux

/// A fixed piece of memory for secrets: never swapped, left out of core dumps, between guard pages, wiped when freed.
///
/// The corresponding C functions are `mmap`, `mlock` and `madvise` (MADV_DONTDUMP).
public final class LockedMemory {
    private let base: UnsafeMutableRawPointer
    /// Octets that can be stored.
    public let capacity: Int
    /// Octets that are stored now.
    public var count = 0

    /// Throws ENOMEM when the memory cannot be had.
    ///
    /// - Parameter isShared: a child that is forked later writes into the same memory (`count` is each process's own).
    public init(capacity: Int, isShared: Bool = false) throws(SystemError) {
        guard let memory = isShared ? maud_locked_allocate_shared(max(capacity, 1)) : maud_locked_allocate(max(capacity, 1)) else {
            throw SystemError(code: ErrorNumber.noMemory, call: "mlock")
        }
        base = memory
        self.capacity = capacity
    }

    deinit { maud_locked_free(base, max(capacity, 1)) }

    /// All of the memory, writable.
    public var storage: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: base, count: capacity) }

    /// Calls `body` with the stored octets. A pointer that outlived this object would point at unmapped memory, so there is
    /// no other way to them.
    @inline(__always)
    public func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
        defer { extendLifetime(self) }
        return try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Appends octets; false when they do not fit (nothing is stored then).
    public func append(_ octets: UnsafeRawBufferPointer) -> Bool {
        guard octets.count <= capacity - count else { return false }
        storage[count...].copyBytes(from: octets)
        count += octets.count
        return true
    }

    /// Reads a file into the room that is left, without passing through other memory. False when more is in the file.
    public func fill(from path: String) throws(SystemError) -> Bool {
        let file = try FileDescriptor.open(path, .read)
        while count < capacity {
            let rest = UnsafeMutableRawBufferPointer(rebasing: storage[count...])
            let read = try check(maud_read(file.rawValue, rest.baseAddress, rest.count), "read", path)
            if read == 0 { return true }
            count += read
        }
        return false
    }

    /// Fills everything with random hexadecimal digits, four bits each.
    public func fillWithRandomDigits() {
        maud_random(base, capacity)
        for index in 0..<capacity { storage[index] = hexadecimalDigit(storage[index] & 15) }
        count = capacity
    }
}
