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

/// The time as a node without a battery clock knows it (docs/clock.md).
///
/// Boards start in 1970 or at the time of their image. The *floor* is the latest time that is known to have passed: the
/// key's creation, the build, and the signatures that were made while the clock was set. A clock below it is wrong, or was
/// wrong before, and counts as unset, unless somebody disciplines it (`believe`). Then the node's time is the latest time it used before it was
/// started plus the time since boot, so it still advances, and every signature stays after the key's creation and after the one before.
public final class NodeClock {
    public enum State { case set, unset }

    private let clock: any Clock
    /// No time is earlier: the latest of the key's creation and the build, in nanoseconds since 1970.
    private let earliest: Int64
    /// Nanoseconds since 1970 below which the clock counts as unset.
    public private(set) var floor: Int64
    /// What the time since boot is added to while the clock is unset: fixed then, so that signing does not move time
    /// ahead of itself.
    private var base: Int64
    /// The latest signature, whatever the clock was then.
    private var latestSignature: Int64

    /// - Parameter floor: the latest of the key's creation and the build time, in nanoseconds since 1970.
    public init(clock: any Clock, floor: Int64) {
        self.clock = clock
        self.floor = floor
        earliest = floor
        base = floor
        latestSignature = floor
    }

    /// Whether the system's clock can be believed.
    public var state: State { clock.realtime >= floor ? .set : .unset }

    /// Nanoseconds since 1970: the clock, or, while it is unset, the latest time before the start plus the time since boot.
    public var now: Int64 {
        let realtime = clock.realtime
        return realtime >= floor ? realtime : base + clock.sinceBoot
    }

    /// The time of a signature made now: never before an earlier one, unless the clock was believed in between. Those that were
    /// made while the clock was unset may be ahead of the true time.
    public var signatureTime: Int64 { max(now, latestSignature) }

    /// Nanoseconds since boot.
    public var sinceBoot: Int64 { clock.sinceBoot }

    /// How far the system's clock is ahead of the time since boot: changes when it is set.
    public var offset: Int64 { clock.realtime - clock.sinceBoot }

    /// Takes over at start what the files tell.
    ///
    /// - Parameters:
    ///   - latest: the time of the latest publication, whatever the clock was then.
    ///   - passed: the latest time that the system's clock had when it was set.
    public func resume(latest: Int64, passed: Int64) {
        floor = max(floor, passed)
        latestSignature = max(latestSignature, latest)
        base = max(base, floor, latestSignature)
    }

    /// Remembers the time of a signature just made. One that was begun before the clock was believed is ahead of it: that is over.
    public func signed(at time: Int64) {
        let realtime = clock.realtime, isSet = realtime >= floor, time = isSet ? min(time, realtime) : time
        latestSignature = max(latestSignature, time)
        guard isSet else { return }
        floor = max(floor, time)
        base = max(base, latestSignature)
    }

    // MARK: A clock that was ahead

    /// Whether the clock is possible, but behind what was signed: either it is wrong now, or it was ahead then.
    public var isDisputed: Bool { clock.realtime >= earliest && behind > 0 }

    /// How far it is behind what was signed, in nanoseconds.
    public var behind: Int64 { max(floor, latestSignature) - clock.realtime }

    /// Somebody disciplines the system's clock and answers for it: it is right, and what was signed ahead of it was signed by a
    /// clock that was wrong. From now on times count from here.
    ///
    /// - Returns: the floor before, which is not above the clock when only signatures were that were made while it was unset; nil when it is not disputed.
    public func believe() -> Int64? {
        guard isDisputed else { return nil }
        let former = floor
        floor = min(floor, clock.realtime)
        (base, latestSignature) = (floor, floor)
        return former
    }
}
