import CLinux

/// Files by path or by name in an open directory. All names given here were checked before.
public enum Files {
    /// The "current directory" for functions that take a directory descriptor.
    public static let currentDirectory = Int32(MAUD_AT_CWD)

    /// Reads a whole file of at most `limit` octets (EMSGSIZE beyond).
    public static func read(_ path: String, limit: Int, in directory: Int32 = currentDirectory) throws(SystemError) -> [UInt8] {
        let file = try FileDescriptor.open(path, [.read, .nonBlocking], in: directory)
        do { return try file.readToEnd(limit: limit) } catch {
            throw error.code == ErrorNumber.messageSize ? .tooLarge(path, limit: limit) : SystemError(code: error.code, call: error.call, subject: path)
        }
    }

    /// What `path` is, or nil when there is nothing.
    public static func status(_ path: String, in directory: Int32 = currentDirectory, follow: Bool = true) throws(SystemError) -> maud_status? {
        var status = maud_status()
        let result = maud_statat(directory, path, follow, &status)
        if result == -ErrorNumber.notFound || result == -ErrorNumber.notDirectory { return nil }
        _ = try check(result, "stat", path)
        return status
    }

    /// Creates a directory (0700 unless said otherwise); an existing one is fine.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o700, in directory: Int32 = currentDirectory) throws(SystemError) {
        let result = maud_mkdirat(directory, path, mode)
        if result == -ErrorNumber.exists { return }
        _ = try check(result, "mkdir", path)
    }

    /// Calls `body` with each name in a directory, in the file system's order, without "." and "..".
    /// Names are the raw octets; `body` returns false to stop.
    public static func forEachName(inDirectory fd: Int32, _ body: (UnsafePointer<CChar>) throws(SystemError) -> Bool) throws(SystemError) {
        var stream: OpaquePointer?
        _ = try check(maud_directory_open(fd, &stream), "opendir")
        guard let stream else { return }
        defer { maud_directory_close(stream) }
        var name: UnsafePointer<CChar>?
        while try check(maud_directory_next(stream, &name), "readdir") == 1 {
            guard let name else { return }
            if try !body(name) { return }
        }
    }

    /// Writes a small file at once, replacing what was there. Not durable: for files in memory.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600, in directory: Int32 = currentDirectory) throws(SystemError) {
        let file = try FileDescriptor.open(path, [.write, .create, .truncate], mode: mode, in: directory)
        do { try file.writeAll(bytes) } catch { throw SystemError(code: error.code, call: error.call, subject: path) }
    }

    /// Removes a file; one that does not exist is fine.
    public static func remove(_ path: String, in directory: Int32 = currentDirectory) throws(SystemError) {
        let result = maud_unlinkat(directory, path, false)
        if result == -ErrorNumber.notFound { return }
        _ = try check(result, "unlink", path)
    }

    /// Removes a directory with everything in it, without following links out of it. At most 8 levels deep.
    public static func removeTree(_ path: String, in directory: Int32 = currentDirectory, depth: Int = 8) throws(SystemError) {
        if depth == 0 { throw SystemError(code: ErrorNumber.loop, call: "unlink", subject: path) }
        let opened = maud_openat(directory, path, Int32(MAUD_READ | MAUD_DIRECTORY | MAUD_NOFOLLOW), 0)
        if opened == -ErrorNumber.notFound { return }
        if opened == -ErrorNumber.notDirectory || opened == -ErrorNumber.loop { return try remove(path, in: directory) }
        let fd = FileDescriptor(owning: try check(opened, "open", path))
        let number = fd.rawValue
        try forEachName(inDirectory: number) { (name) throws(SystemError) in
            if maud_unlinkat(number, name, false) < 0 { try removeTree(String(cString: name), in: number, depth: depth - 1) }
            return true
        }
        let result = maud_unlinkat(directory, path, true)
        if result != -ErrorNumber.notFound { _ = try check(result, "rmdir", path) }
    }
}
