import CLinux
import System

/// Work with secrets in a process of its own, which ends with them: what it reads and decrypts was never in the memory
/// of the process that goes on. Must be called before any thread exists (fork(2)).
enum ChildProcess {
    /// Forks, calls `body` in the child, and returns the octets that it gave (at most `limit`).
    /// An empty result means that the child crashed.
    static func run(limit: Int, _ body: () -> [UInt8]) throws(SystemError) -> [UInt8] {
        var reading: Int32 = -1, writing: Int32 = -1
        _ = try check(maud_pipe(&reading, &writing), "pipe")
        let output = FileDescriptor(owning: reading)
        let parent = maud_process_id()
        // What ends us at the passphrase's prompt is the child's first: the terminal must have its echo back by then.
        maud_hold_signals()
        let pid = maud_fork()
        if pid == 0 {
            // It holds what the parent holds, locks too, and would go on with the secrets.
            maud_end_with_parent(parent)
            maud_release_signals()
            maud_no_core()
            let result = body()
            let pipe = FileDescriptor(owning: writing)
            do throws(SystemError) { try pipe.writeAll(result) } catch { maud_exit(1) }
            maud_exit(0)
        }
        _ = maud_close(writing)
        if pid < 0 { maud_release_signals() }
        _ = try check(pid, "fork")
        maud_end_after_child(pid)
        defer { _ = maud_wait_for_child(pid) }
        return try output.readToEnd(limit: limit)
    }
}
