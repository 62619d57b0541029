import CLinux
import System

/// Keeps two nodes from serving one Mau directory, or from having one state directory: a lock (flock) on the directory itself,
/// so nothing is written into it. Commands that only read or publish files do not take it.
enum DirectoryLock {
    /// The open, locked directory; the lock goes with the descriptor.
    /// - Parameter kind: what the directory is, for sentences.
    static func take(_ root: String, _ kind: StaticString) throws(CommandError) -> FileDescriptor {
        let directory: FileDescriptor
        do throws(SystemError) { directory = try FileDescriptor.open(root, [.read, .directory]) } catch {
            throw CommandError("cannot open \(kind)", error)
        }
        var result = maud_lock(directory.rawValue, true, false)
        // A node that was killed a moment ago may have a child that is being ended too: it gets a second.
        let deadline = maud_since_boot() + nanosecondsPerSecond
        while result == -ErrorNumber.again, maud_since_boot() < deadline {
            maud_pause(10_000_000)
            result = maud_lock(directory.rawValue, true, false)
        }
        if result == -ErrorNumber.again { throw CommandError(.temporary, "another node has \(kind) \(root)") }
        if result < 0 { throw CommandError("cannot lock \(kind)", SystemError(code: -result, call: "flock", subject: root)) }
        return directory
    }

    /// A node that cannot write into its directory would publish nothing: better to say so before it starts.
    static func checkWritable(_ root: String) throws(CommandError) {
        let probe = root + "/.maud-\(maud_process_id()).tmp"
        do throws(SystemError) {
            try Files.write([], to: probe)
            try Files.remove(probe)
        } catch { throw CommandError(error.exitCode == .systemError ? .cannotCreate : error.exitCode, "cannot write into the Mau directory: \(error.description)") }
    }
}
