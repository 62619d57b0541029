import CLinux
import EventLoop
import System

/// Notices that somebody set the system's clock (timerfd with TFD_TIMER_CANCEL_ON_SET): NTP after boot, mostly.
final class ClockWatch {
    private let loop: EventLoop
    private let descriptor: FileDescriptor

    /// - Parameter changed: called on the loop after each jump of the clock; not for slewing.
    init(loop: EventLoop, changed: @escaping () -> Void) throws(SystemError) {
        self.loop = loop
        let fd = try check(maud_clock_change_fd(), "timerfd_create")
        descriptor = FileDescriptor(owning: fd)
        try loop.add(fd, .read) { _ in
            _ = maud_eventfd_drain(fd)
            _ = maud_clock_change_rearm(fd)
            changed()
        }
    }

    func close() { loop.remove(descriptor.rawValue) }
}
