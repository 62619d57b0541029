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
    public init(capacity: Int) throws(SystemError) {
        guard let memory = maud_locked_allocate(max(capacity, 1)) else {
            throw SystemError(code: ErrorNumber.noMemory, call: "mlock")
        }
        base = memory
        self.capacity = capacity
    }

    deinit { maud_locked_free(base, max(capacity, 1)) }

    /// All of the memory, writable.
    public var storage: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: base, count: capacity) }

    /// The stored octets. Valid as long as this object lives.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Appends octets; false when they do not fit (nothing is stored then).
    public func append(_ octets: UnsafeRawBufferPointer) -> Bool {
        guard octets.count <= capacity - count else { return false }
        storage[count...].copyBytes(from: octets)
        count += octets.count
        return true
    }

    /// Overwrites everything with zeros.
    public func wipe() {
        maud_wipe(base, capacity)
        count = 0
    }
}
