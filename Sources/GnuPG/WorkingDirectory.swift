import CLinux
import System

/// GnuPG's home, in memory: a 0700 directory `maud-<random>` of this process alone, removed when it ends.
///
/// A lock file inside, held with flock(2), tells a living owner from a dead one: at start the directories of this
/// user's dead processes are removed and their gpg-agents ended; those of living processes are never touched.
public final class WorkingDirectory {
    /// The absolute path.
    public let path: String
    private let base: FileDescriptor
    private let name: String
    private let lock: FileDescriptor
    private let owner: Int32
    private var exists = true
    /// Whether what lies here may be written to a disk: a ramfs never is.
    public var isSwapped: Bool { maud_is_memory_file_system(base.rawValue) != 2 && Swap.reachesDisk }
    private var goesAtSignals = false

    private static let prefix: StaticString = "maud-"
    private static let lockName = "maud.lock"

    /// Picks the first base directory that lies in memory and can be written, removes what dead processes left there,
    /// and makes a directory of its own.
    ///
    /// - Parameter runtime: what `--runtime` says; then nothing else is tried.
    public convenience init(runtime: String?) throws(GnuPGError) {
        if let runtime {
            let opened = maud_openat(Files.currentDirectory, runtime, Int32(MAUD_READ | MAUD_DIRECTORY), 0)
            if opened < 0 { throw .system(SystemError(code: -opened, call: "open", subject: runtime)) }
            let base = FileDescriptor(owning: opened)
            if maud_is_memory_file_system(opened) < 1 { throw .runtimeNotInMemory(runtime) }
            do { try self.init(base: base, path: WorkingDirectory.absolute(opened, runtime)) } catch { throw .system(error) }
            return
        }
        var tried = ""
        for candidate in WorkingDirectory.candidates() {
            tried += tried.utf8.isEmpty ? candidate : ", \(candidate)"
            let opened = maud_openat(Files.currentDirectory, candidate, Int32(MAUD_READ | MAUD_DIRECTORY), 0)
            if opened < 0 { continue }
            let base = FileDescriptor(owning: opened)
            if maud_is_memory_file_system(opened) < 1 { continue }
            do throws(SystemError) {
                try self.init(base: base, path: WorkingDirectory.absolute(opened, candidate))
                return
            } catch { continue }
        }
        throw .noMemoryFileSystem(tried: tried)
    }

    /// $RUNTIME_DIRECTORY (the first of a colon-separated list), $XDG_RUNTIME_DIR, /run, /dev/shm.
    private static func candidates() -> [String] {
        var all: [String] = []
        if let value = maud_environment("RUNTIME_DIRECTORY") {
            if let first = Array(String(cString: value).utf8).split(separator: 0x3A).first { all.append(Array(first).text) }
        }
        if let value = maud_environment("XDG_RUNTIME_DIR"), value.pointee != 0 { all.append(String(cString: value)) }
        return all + ["/run", "/dev/shm"]
    }

    /// gpg gets the path as an argument and as text: relative ones are resolved.
    private static func absolute(_ fd: Int32, _ path: String) -> String {
        if path.utf8.first == 0x2F { return path }
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            let length = maud_read_link("/proc/self/fd/\(fd)", buffer.baseAddress, buffer.count)
            return length > 0 ? String(decoding: buffer[0..<Int(length)], as: UTF8.self) : path
        }
    }

    private init(base: consuming FileDescriptor, path basePath: String) throws(SystemError) {
        WorkingDirectory.removeDead(in: base.rawValue)
        // A cleaner may meet our directory before it is locked: then it is gone, and we make another.
        var attempts = 0
        while true {
            attempts += 1
            let name = WorkingDirectory.randomName()
            do throws(SystemError) {
                lock = try WorkingDirectory.make(name, in: base.rawValue)
                self.name = name
                break
            } catch {
                let raced = error.code == ErrorNumber.notFound || error.code == ErrorNumber.again || error.code == ErrorNumber.exists
                if !raced || attempts == 8 { throw error }
            }
        }
        self.base = base
        path = "\(basePath)/\(name)"
        owner = maud_process_id()
        // A socket's path has 108 octets, its NUL included; gpg-agent's longest lies one directory deeper.
        if path.utf8.count + "/secret/S.gpg-agent.browser".utf8.count > 107 {
            remove()
            throw SystemError(code: ErrorNumber.nameTooLong, call: "bind", subject: "\(path)/S.gpg-agent")
        }
    }

    /// From now on a signal that ends this process (SIGINT, SIGQUIT, SIGTERM, SIGHUP) ends gpg and the agent and removes the
    /// directory first, whatever the process is doing. For commands, and for a node until it handles signals itself.
    public func removeAtSignals() { goesAtSignals = maud_remove_at_signals(base.rawValue, name) == 0 }

    /// Ends the agent and removes the directory. A forked child that only inherited this object removes nothing.
    deinit { remove() }

    /// Ends the agent and removes the directory with everything in it; a second call does nothing.
    public func remove() {
        guard exists, owner == maud_process_id() else { return }
        exists = false
        if goesAtSignals { maud_keep_at_signals() }
        WorkingDirectory.endAgent(in: base.rawValue, name)
        try? Files.removeTree(name, in: base.rawValue)
    }

    private static func randomName() -> String {
        var name = Array(prefix)
        Random.octets(8).withUnsafeBytes { name.append(hexadecimal: $0) }
        return name.text
    }

    private static func make(_ name: String, in base: Int32) throws(SystemError) -> FileDescriptor {
        _ = try check(maud_mkdirat(base, name, 0o700), "mkdir", name)
        let lock = try FileDescriptor.open("\(name)/\(lockName)", [.write, .create, .exclusive, .noFollow], in: base)
        _ = try check(maud_lock(lock.rawValue, true, false), "flock", name)
        if try lock.status().links == 0 { throw SystemError(code: ErrorNumber.notFound, call: "flock", subject: name) }
        return lock
    }

    // MARK: What dead processes left

    private static func removeDead(in base: Int32) {
        try? Files.forEachName(inDirectory: base) { (name) throws(SystemError) in
            let text = String(cString: name)
            if isOurs(text) { removeIfDead(text, in: base) }
            return true
        }
    }

    private static func isOurs(_ name: String) -> Bool {
        let octets = Array(name.utf8)
        return octets.count == 21 && octets.starts(with: Array(prefix)) && octets[5...].allSatisfy { hexadecimalValue($0) != nil }
    }

    private static func removeIfDead(_ name: String, in base: Int32) {
        guard let status = try? Files.status(name, in: base, follow: false), status.kind == UInt32(MAUD_FILE_DIRECTORY),
              status.user == maud_user_id() else { return }
        let opened = maud_openat(base, "\(name)/\(lockName)", Int32(MAUD_WRITE | MAUD_NOFOLLOW), 0)
        if opened == -ErrorNumber.notFound {
            // Being made this moment, or left between mkdir and open: only an empty one goes.
            _ = maud_unlinkat(base, name, true)
            return
        }
        if opened < 0 { return }
        let lock = FileDescriptor(owning: opened)
        if maud_lock(lock.rawValue, true, false) < 0 { return }
        endAgent(in: base, name)
        try? Files.removeTree(name, in: base)
    }

    /// Asks the gpg-agent of a home, given by its path, to end.
    public static func endAgent(home: String) {
        let opened = maud_openat(Files.currentDirectory, home, Int32(MAUD_READ | MAUD_DIRECTORY), 0)
        if opened < 0 { return }
        let directory = FileDescriptor(owning: opened)
        endAgent(in: directory.rawValue, ".")
    }

    /// Asks the gpg-agent of a home to end, and waits until it has closed the connection. No agent is fine.
    static func endAgent(in directory: Int32, _ home: String) {
        let socket = maud_connect_unix_blocking(directory, "\(home)/S.gpg-agent")
        if socket < 0 { return }
        let connection = FileDescriptor(owning: socket)
        guard (try? connection.writeAll(Array("KILLAGENT\n"))) != nil else { return }
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            // "OK Pleased to meet you", "OK closing connection", end of file.
            while maud_read(connection.rawValue, buffer.baseAddress, buffer.count) > 0 {}
        }
    }
}
