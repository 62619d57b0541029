import CLinux
import EventLoop
import System

/// Notices that another program (`maud friend`, a Mau client) changed `.mau` or a group in it.
///
/// Changes come in bursts (a temporary file, a rename): `changed` is called once, a second after the first.
final class FriendsWatch {
    private static let delay = nanosecondsPerSecond
    private static let mask = UInt32(MAUD_NOTIFY_CREATE | MAUD_NOTIFY_DELETE | MAUD_NOTIFY_CLOSE_WRITE | MAUD_NOTIFY_MOVED_FROM | MAUD_NOTIFY_MOVED_TO)

    private let loop: EventLoop
    private let descriptor: FileDescriptor
    private let path: String
    private let timer: Timer

    /// - Parameter path: `<root>/.mau`.
    init(path: String, loop: EventLoop, changed: @escaping () -> Void) throws(SystemError) {
        self.loop = loop
        self.path = path
        let fd = try check(maud_notify_create(), "inotify_init1")
        descriptor = FileDescriptor(owning: fd)
        timer = Timer(changed)
        watch()
        try loop.add(fd, .read) { [unowned(unsafe) self] _ in drain() }
    }

    /// Watches the directory and its groups; a watch that is there already stays the same one.
    private func watch() {
        _ = maud_notify_add(descriptor.rawValue, path, FriendsWatch.mask)
        guard let directory = try? FileDescriptor.open(path, [.read, .directory]) else { return }
        let number = directory.rawValue
        try? Files.forEachName(inDirectory: number) { (name) throws(SystemError) in
            var status = maud_status()
            if maud_statat(number, name, false, &status) == 0, Int(status.kind) == MAUD_FILE_DIRECTORY {
                _ = maud_notify_add(descriptor.rawValue, path + "/" + String(cString: name), FriendsWatch.mask)
            }
            return true
        }
    }

    private func drain() {
        let read = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            maud_read(descriptor.rawValue, buffer.baseAddress, buffer.count)
        }
        guard read > 0 else { return }
        watch()
        if !timer.isScheduled { loop.schedule(timer, after: FriendsWatch.delay) }
    }

    func close() {
        loop.cancel(timer)
        loop.remove(descriptor.rawValue)
    }
}
