import CBus
import EventLoop
import System

/// Who talks to a daemon over the system's message bus.
public protocol BusUser: AnyObject {
    /// Connects; nil when there is no bus.
    func connectToBus() -> OpaquePointer?
    /// The connection has ended, or is to end: close it.
    func busIsGone()
}

/// A connection to the system's message bus in the event loop: made again after a pause, as long as it takes, when the bus is not there or goes.
public final class BusConnection {
    private let loop: EventLoop
    private unowned(unsafe) let user: any BusUser
    private var bus: OpaquePointer?
    private var descriptor: Int32 = -1
    private var timer: Timer?
    private var failures = 0
    private var isBroken = false
    private var isProcessing = false

    public init(loop: EventLoop, user: any BusUser) {
        self.loop = loop
        self.user = user
        timer = Timer { [unowned(unsafe) self] in bus == nil ? start() : process() }
    }

    /// Connects. What the user hears of the bus it hears from within `connectToBus`'s own function, and not before the loop runs.
    public func start() {
        guard let bus = user.connectToBus() else { return retry() }
        self.bus = bus
        descriptor = maud_bus_descriptor(bus)
        do throws(SystemError) {
            try loop.add(descriptor, .read) { [unowned(unsafe) self] _ in process() }
        } catch {
            user.busIsGone()
            self.bus = nil
            return retry()
        }
        process()
    }

    public func stop() {
        close()
        if let timer { loop.cancel(timer) }
    }

    /// The daemon answers: the next pause is a short one.
    public func isWorking() { failures = 0 }

    /// The bus said that the connection has ended.
    public func hasBroken() { isBroken = true }

    /// Something was asked of the daemon: sends it, unless that is about to happen anyway.
    public func flush() { if !isProcessing { process() } }

    private func close() {
        guard bus != nil else { return }
        bus = nil
        loop.remove(descriptor)
        user.busIsGone()
    }

    private func retry() {
        failures += 1
        if let timer { loop.schedule(timer, after: Int64(BusConnection.pause(failures, longest: Bounds.busPauseSeconds)) * nanosecondsPerSecond) }
    }

    /// Seconds until another attempt after so many failures, doubling.
    public static func pause(_ failures: Int, longest: Int) -> Int { min(longest, Bounds.syncPauseSeconds << min(max(failures - 1, 0), 16)) }

    private func process() {
        guard let bus, !isProcessing else { return }
        isProcessing = true
        let isMore = maud_bus_process(bus)
        isProcessing = false
        let events = maud_bus_events(bus)
        if isBroken || events < 0 {
            isBroken = false
            close()
            return retry()
        }
        try? loop.modify(descriptor, EventLoop.Interest(rawValue: UInt32(events)))
        let timeout = isMore ? 0 : maud_bus_timeout(bus)
        guard let timer else { return }
        if timeout >= 0 { loop.schedule(timer, after: timeout) } else { loop.cancel(timer) }
    }
}
