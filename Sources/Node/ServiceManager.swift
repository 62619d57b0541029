import CLinux
import CSystemd
import EventLoop
import System

/// What systemd wants to know, when it started us (sd_notify(3)); otherwise every call does nothing.
final class ServiceManager {
    private let loop: EventLoop
    private let interval: Int64
    private var watchdog: Timer?

    init(loop: EventLoop) {
        self.loop = loop
        var microseconds: UInt64 = 0
        // Half the time that systemd allows: the loop feeds the watchdog, so a stuck loop starves it.
        interval = sd_watchdog_enabled(0, &microseconds) > 0 ? Int64(microseconds) * 1000 / 2 : 0
    }

    /// The node accepts requests.
    func ready() {
        sd_notify(0, "READY=1")
        guard interval > 0 else { return }
        let timer = Timer { [unowned(unsafe) self] in feed() }
        watchdog = timer
        loop.schedule(timer, after: interval)
    }

    /// board.json is read again; `ready` ends that.
    func reloading() {
        var state = [UInt8]("RELOADING=1\nMONOTONIC_USEC=" as StaticString)
        state.append(decimal: maud_monotonic() / 1000)
        sd_notify(0, state.text)
    }

    /// What was to be read again has been, or was refused.
    func reloaded() { sd_notify(0, "READY=1") }

    private func feed() {
        sd_notify(0, "WATCHDOG=1")
        if let watchdog { loop.schedule(watchdog, after: interval) }
    }

    /// The node ends.
    func stopping() {
        if let watchdog { loop.cancel(watchdog) }
        sd_notify(0, "STOPPING=1")
    }
}
