import CLinux
import Foundation

/// Makes system calls fail on this thread while `body` runs (debug builds: CLinux's maud_set_fault).
///
/// `fault` gets the name of the call about to be made and returns 0 to let it happen, or the errno it fails with. Tests
/// run in parallel in one process and the hook is the process's: users of this take turns, and other threads see nothing.
public func withFaults(_ fault: @escaping (String) -> Int32, _ body: () throws -> Void) rethrows {
    turn.lock()
    defer { turn.unlock() }
    let thread = pthread_self()
    let hook = Hook { pthread_equal(thread, pthread_self()) != 0 ? fault($0) : 0 }
    // Never freed: another thread may be inside it while we go.
    maud_set_fault({ call, context in
        guard let call, let context else { return 0 }
        return Unmanaged<Hook>.fromOpaque(context).takeUnretainedValue().fault(String(cString: call))
    }, Unmanaged.passRetained(hook).toOpaque())
    defer { maud_set_fault(nil, nil) }
    try body()
}

private let turn = NSRecursiveLock()

private final class Hook {
    let fault: (String) -> Int32
    init(_ fault: @escaping (String) -> Int32) { self.fault = fault }
}
