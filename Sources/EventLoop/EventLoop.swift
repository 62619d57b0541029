import CLinux
import System

/// The one loop of the program: descriptors, timers and the worker's results, all on one thread (epoll(7)).
///
/// Handlers run to completion and must not block. A handler may add and remove descriptors and timers, its own too.
public final class EventLoop {
    /// What to wait for on a descriptor.
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let read = Interest(rawValue: UInt32(MAUD_EVENT_IN))
        public static let write = Interest(rawValue: UInt32(MAUD_EVENT_OUT))
        /// Only ever reported: error or hang-up.
        public static let failure = Interest(rawValue: UInt32(MAUD_EVENT_ERROR | MAUD_EVENT_HANGUP))
    }

    private struct Entry {
        var handler: (Interest) -> Void
        var generation: UInt32
    }

    private let epoll: FileDescriptor
    /// Indexed by descriptor number: dense, no hashing.
    private var entries: [Entry?] = []
    private var generation: UInt32 = 0
    private var timers: [Timer] = []
    private let clock: any Clock
    private var running = false
    /// Returns of epoll_wait since the start: the wake-ups that `maud status` reports.
    public private(set) var wakeUps: UInt64 = 0

    /// Throws when the kernel gives no epoll descriptor.
    public init(clock: any Clock) throws(SystemError) {
        epoll = FileDescriptor(owning: try check(maud_epoll_create(), "epoll_create1"))
        self.clock = clock
    }

    /// Nanoseconds since boot, as timers count.
    public var now: Int64 { clock.sinceBoot }

    // MARK: Descriptors

    /// Calls `handler` whenever `fd` is ready. The descriptor stays the caller's; remove it before closing it.
    public func add(_ fd: Int32, _ interest: Interest, _ handler: @escaping (Interest) -> Void) throws(SystemError) {
        _ = try check(maud_epoll_add(epoll.rawValue, fd, interest.rawValue), "epoll_ctl")
        let index = Int(fd)
        while entries.count <= index { entries.append(nil) }
        generation &+= 1
        entries[index] = Entry(handler: handler, generation: generation)
    }

    /// Changes what is waited for.
    public func modify(_ fd: Int32, _ interest: Interest) throws(SystemError) {
        _ = try check(maud_epoll_modify(epoll.rawValue, fd, interest.rawValue), "epoll_ctl")
    }

    /// Forgets a descriptor; events of it that were already fetched are dropped.
    public func remove(_ fd: Int32) {
        _ = maud_epoll_remove(epoll.rawValue, fd)
        if Int(fd) < entries.count { entries[Int(fd)] = nil }
    }

    // MARK: Timers

    /// Starts (or moves) a timer to fire once at `deadline`, in nanoseconds since boot.
    public func schedule(_ timer: Timer, at deadline: Int64) {
        cancel(timer)
        timer.deadline = deadline
        timer.isScheduled = true
        var index = timers.count
        while index > 0, timers[index - 1].deadline < deadline { index -= 1 }
        // Latest first, so the next one is taken off the end; dozens of timers at most.
        timers.insert(timer, at: index)
    }

    /// Starts (or moves) a timer to fire once after `delay` nanoseconds.
    public func schedule(_ timer: Timer, after delay: Int64) { schedule(timer, at: now + delay) }

    /// Stops a timer; one that is not running is fine.
    public func cancel(_ timer: Timer) {
        guard timer.isScheduled else { return }
        timer.isScheduled = false
        if let index = timers.firstIndex(where: { $0 === timer }) { timers.remove(at: index) }
    }

    /// The deadline of the next timer, or nil: for tests with a simulated clock.
    public var nextDeadline: Int64? { timers.last?.deadline }

    /// Timers that run now.
    public var timerCount: Int { timers.count }

    // MARK: Running

    /// Runs until `stop()`.
    public func run() throws(SystemError) {
        running = true
        while running { try runOnce(wait: true) }
    }

    /// Makes `run` return after the handlers of this turn.
    public func stop() { running = false }

    /// One turn: waits for events (or not), then runs the handlers and the timers that are due.
    /// Returns whether anything was done.
    @discardableResult
    public func runOnce(wait: Bool) throws(SystemError) -> Bool {
        let (count, events) = try poll(timeout: wait ? timeout() : 0)
        var worked = count > 0
        for index in 0..<count { dispatch(events[index]) }
        let time = now
        while let timer = timers.last, timer.deadline <= time {
            timers.removeLast()
            timer.isScheduled = false
            timer.handler()
            worked = true
        }
        return worked
    }

    /// Milliseconds until the next timer, rounded up so that no turn comes too early, 24 days at most; -1 without one.
    private func timeout() -> Int32 {
        guard let timer = timers.last else { return -1 }
        let rest = timer.deadline - now
        if rest <= 0 { return 0 }
        return Int32(min((rest + 999_999) / 1_000_000, Int64(Int32.max)))
    }

    private typealias Events = InlineArray<16, (maud_event, UInt32)>

    private func poll(timeout: Int32) throws(SystemError) -> (Int, Events) {
        var fetched = Events(repeating: (maud_event(), 0))
        let count = try withUnsafeTemporaryAllocation(of: maud_event.self, capacity: 16) { (buffer) throws(SystemError) -> Int in
            let n = Int(try check(maud_epoll_wait(epoll.rawValue, buffer.baseAddress, 16, timeout), "epoll_wait"))
            for index in 0..<n {
                let fd = Int(buffer[index].fd)
                fetched[index] = (buffer[index], fd < entries.count ? entries[fd]?.generation ?? 0 : 0)
            }
            return n
        }
        wakeUps += 1
        return (count, fetched)
    }

    /// A descriptor number may have been closed and reused by an earlier handler of this turn: the generation tells.
    private func dispatch(_ event: (maud_event, UInt32)) {
        let fd = Int(event.0.fd)
        guard fd < entries.count, let entry = entries[fd], entry.generation == event.1 else { return }
        entry.handler(Interest(rawValue: event.0.events))
    }
}

/// Something to do once, later. Schedule it on an `EventLoop`; the owner keeps it alive and may reuse it.
public final class Timer {
    fileprivate(set) var deadline: Int64 = 0
    public fileprivate(set) var isScheduled = false
    fileprivate let handler: () -> Void

    public init(_ handler: @escaping () -> Void) { self.handler = handler }
}
