import CLinux

/// Writes a file so that after a crash either the old or the new one is there, whole.
///
/// For small files outside the content store, where waiting for the disk is fine (commands). The corresponding C
/// functions are `write`, `fsync` and `rename`.
public enum DurableFile {
    /// What to do when a file of that name is there.
    public enum Existing { case replace, refuse }

    /// Writes `bytes` to `directory`/`name` with mode 0600.
    ///
    /// - Parameter temporaryDirectory: where the unfinished file lies, on the same file system: not in `directory` when
    ///   other programs read everything in there.
    /// Throws EEXIST when the file is there and must not be replaced; nothing has changed after any error.
    public static func write(_ bytes: [UInt8], to name: String, in directory: String, temporaryDirectory: String, existing: Existing) throws(SystemError) {
        let target = try FileDescriptor.open(directory, [.read, .directory])
        let workshop = try FileDescriptor.open(temporaryDirectory, [.read, .directory])
        var temporary = Array<UInt8>(".maud-" as StaticString)
        Random.octets(8).withUnsafeBytes { temporary.append(hexadecimal: $0) }
        temporary.append(".tmp")
        let temporaryName = temporary.text
        do throws(SystemError) {
            let file = try FileDescriptor.open(temporaryName, [.write, .create, .exclusive, .noFollow], mode: 0o600, in: workshop.rawValue)
            try file.writeAll(bytes)
            // The content must be on the disk before the name is: else a crash leaves an empty file under it.
            _ = try check(maud_fsync(file.rawValue), "fsync", name)
            let moved = existing == .refuse ? maud_renameat_exclusive(workshop.rawValue, temporaryName, target.rawValue, name)
                : maud_renameat(workshop.rawValue, temporaryName, target.rawValue, name)
            _ = try check(moved, "rename", name)
        } catch {
            _ = maud_unlinkat(workshop.rawValue, temporaryName, false)
            throw SystemError(code: error.code, call: error.call, subject: "\(directory)/\(name)")
        }
        _ = try check(maud_fsync(target.rawValue), "fsync", directory)
    }

    /// Makes the names in a directory durable: after creating, renaming or removing there.
    public static func synchronize(_ directory: String) throws(SystemError) {
        let target = try FileDescriptor.open(directory, [.read, .directory])
        _ = try check(maud_fsync(target.rawValue), "fsync", directory)
    }
}
