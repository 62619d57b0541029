import CLinux
import Glibc

/// Runs `body` in a child process that is killed, as by a power cut, when it makes its system call of that number (from 0); whether it came to
/// the end before. What `body` may do is what may be done after fork(2).
public func diesAtCall(_ number: Int, _ body: () -> Void) -> Bool {
    let pid = maud_fork()
    if pid == 0 {
        remaining = number
        maud_set_fault({ _, _ in
            if remaining == 0 { kill(getpid(), SIGKILL) }
            remaining -= 1
            return 0
        }, nil)
        body()
        maud_exit(0)
    }
    return maud_wait_for_child(pid) == 0
}

nonisolated(unsafe) private var remaining = 0
