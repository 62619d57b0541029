import CLinux

/// The owner of one open file descriptor: closing happens when it goes out of scope.
///
/// The corresponding C functions are `open`, `close`, `read`, `write` and `fsync`.
@frozen
public struct FileDescriptor: ~Copyable {
    /// The descriptor's number; valid as long as this value lives.
    public let rawValue: Int32

    /// Takes ownership of an open descriptor.
    public init(owning rawValue: Int32) { self.rawValue = rawValue }

    deinit { _ = maud_close(rawValue) }

    /// How to open a file.
    public struct Options: OptionSet, Sendable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }
        public static let read = Options(rawValue: Int32(MAUD_READ))
        public static let write = Options(rawValue: Int32(MAUD_WRITE))
        public static let create = Options(rawValue: Int32(MAUD_CREATE))
        /// With `create`: fail when the file exists.
        public static let exclusive = Options(rawValue: Int32(MAUD_EXCLUSIVE))
        public static let directory = Options(rawValue: Int32(MAUD_DIRECTORY))
        /// Fail when the last component is a symbolic link.
        public static let noFollow = Options(rawValue: Int32(MAUD_NOFOLLOW))
        public static let nonBlocking = Options(rawValue: Int32(MAUD_NONBLOCK))
        public static let truncate = Options(rawValue: Int32(MAUD_TRUNCATE))
        public static let append = Options(rawValue: Int32(MAUD_APPEND))
    }

    /// Opens `path`, relative to the directory descriptor `directory` when given. Close-on-exec always.
    public static func open(_ path: String, _ options: Options, mode: UInt32 = 0o600, in directory: Int32 = Int32(MAUD_AT_CWD))
        throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try check(maud_openat(directory, path, options.rawValue, mode), "open", path))
    }

    /// Gives up ownership: the caller closes the returned descriptor.
    public consuming func release() -> Int32 {
        let raw = rawValue
        discard self
        return raw
    }

    /// Size, times, kind. The corresponding C function is `fstat`.
    public func status() throws(SystemError) -> maud_status {
        var status = maud_status()
        _ = try check(maud_fstat(rawValue, &status), "fstat")
        return status
    }

    /// Reads up to the end of the file, refusing more than `limit` octets with EMSGSIZE.
    public func readToEnd(limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var status = maud_status()
        if maud_fstat(rawValue, &status) == 0, status.size > 0 {
            if status.size > Int64(limit) { throw SystemError.tooLarge("it", limit: limit) }
            bytes.reserveCapacity(Int(status.size) + 1)
        }
        while true {
            let count = try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { (buffer) throws(SystemError) -> Int in
                let n = try check(maud_read(rawValue, buffer.baseAddress, buffer.count), "read")
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[0..<n]))
                return n
            }
            if count == 0 { return bytes }
            if bytes.count > limit { throw SystemError.tooLarge("it", limit: limit) }
        }
    }

    /// Writes all of `bytes`, however many calls that takes.
    public func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes
        while rest.count > 0 {
            let n = try check(maud_write(rawValue, rest.baseAddress, rest.count), "write")
            rest = UnsafeRawBufferPointer(rebasing: rest[n...])
        }
    }

    /// Writes all of `bytes`.
    public func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(SystemError) in try writeAll(UnsafeRawBufferPointer(buffer)) }
    }
}
