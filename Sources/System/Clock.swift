import CLinux

/// The clocks a node looks at; tests have a simulated one.
public protocol Clock: AnyObject {
    /// Nanoseconds since 1970 by the system's clock, right or wrong (CLOCK_REALTIME).
    var realtime: Int64 { get }
    /// Nanoseconds since the machine started, sleep included (CLOCK_BOOTTIME).
    var sinceBoot: Int64 { get }
}

/// The kernel's clocks.
public final class SystemClock: Clock {
    public init() {}
    public var realtime: Int64 { maud_realtime() }
    public var sinceBoot: Int64 { maud_since_boot() }
}

/// Seconds and nanoseconds.
public let nanosecondsPerSecond: Int64 = 1_000_000_000

/// The time as a node without a battery clock knows it.
///
/// Boards start in 1970 or at the time of their image. The *floor* is the latest of the key's creation, the last
/// signature and the build: a clock below it is wrong for certain, and counts as unset. Then the node's time is the
/// floor plus the time since boot, so it still advances and every signature stays after the key's creation.
public final class NodeClock {
    public enum State { case set, unset }

    private let clock: any Clock
    /// Nanoseconds since 1970 below which the clock counts as unset.
    public private(set) var floor: Int64
    /// The floor that "time since boot" is added to: fixed while the clock is unset, so that signing does not
    /// move time ahead of itself.
    private var base: Int64

    /// - Parameter floor: the latest of the key's creation and the build time, in nanoseconds since 1970.
    public init(clock: any Clock, floor: Int64) {
        self.clock = clock
        self.floor = floor
        base = floor
    }

    /// Whether the system's clock can be believed.
    public var state: State { clock.realtime >= floor ? .set : .unset }

    /// Nanoseconds since 1970 for signatures and modification times: the clock, or floor + time since boot.
    public var now: Int64 {
        let realtime = clock.realtime
        return realtime >= floor ? realtime : base + clock.sinceBoot
    }

    /// Nanoseconds since boot.
    public var sinceBoot: Int64 { clock.sinceBoot }

    /// Raises the floor at start: the newest signature that was found.
    public func raise(to time: Int64) {
        guard time > floor else { return }
        floor = time
        base = time
    }

    /// Remembers the time of a signature just made: later times must not be below it.
    public func signed(at time: Int64) {
        guard time > floor else { return }
        // While unset, floor + time since boot already runs ahead of the base: only the comparison moves.
        if state == .set { base = time }
        floor = time
    }
}
