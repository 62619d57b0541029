import EventLoop
import System

/// So many octets a second for all who share it, in steps of a second. Who finds nothing available is told when the next one begins.
public final class RateLimit {
    private let octetsPerSecond: Int
    private let loop: EventLoop
    private var used = 0
    private var second: Int64 = -nanosecondsPerSecond
    private var timer: Timer?

    /// - Parameter isAvailable: called when there are octets again after there were none.
    public init(octetsPerSecond: Int, loop: EventLoop, isAvailable: @escaping () -> Void) {
        self.octetsPerSecond = octetsPerSecond
        self.loop = loop
        timer = Timer(isAvailable)
    }

    /// Octets that may be received now.
    public var available: Int {
        let now = loop.now
        if now - second >= nanosecondsPerSecond {
            second = now
            used = 0
        }
        if used >= octetsPerSecond, let timer, !timer.isScheduled { loop.schedule(timer, at: second + nanosecondsPerSecond) }
        return max(0, octetsPerSecond - used)
    }

    func use(_ octets: Int) { used += octets }

    /// Ends it.
    public func stop() { if let timer { loop.cancel(timer) } }
}
