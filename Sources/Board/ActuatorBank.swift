import EventLoop
import System

/// All actuators of a board: sets them one value after the other, and takes care that each is in its safe state at start, at the
/// end, when setting it failed, and when no command came for its `holdTime` (docs/board.md).
public final class ActuatorBank {
    private final class Slot {
        let actuator: Actuator
        let driver: ActuatorDriver
        /// What it is set to, scaled; nil when that is not known.
        var value: Int64?
        var waiting: [(value: Int64, done: (Bool) -> Void)] = []
        /// What it is being set to now.
        var setting: Int64?
        var isBusy: Bool { setting != nil }
        /// Fires when no command came for the hold time, or when the safe state must be tried again.
        var timer: Timer?

        init(_ actuator: Actuator, _ driver: ActuatorDriver) {
            self.actuator = actuator
            self.driver = driver
        }
    }

    /// Seconds until a safe state that could not be taken is tried again.
    private static let retrySeconds: Int64 = 5

    private var slots: [Slot] = []
    private let loop: EventLoop
    private var isStopping = false
    /// Times that an actuator could not be set, and that one took its safe state because no command came.
    public var failures = 0
    public var releases = 0
    /// Called with the index of an actuator that took its safe state by itself, or could not.
    public var changed: (Int) -> Void = { _ in }

    public init(actuators: [Actuator], paths: SensorPaths = SensorPaths(), loop: EventLoop, worker: Worker) {
        self.loop = loop
        for (index, actuator) in actuators.enumerated() {
            let slot = Slot(actuator, ActuatorDriver(actuator, paths: paths, loop: loop, worker: worker))
            slot.timer = Timer { [unowned(unsafe) self] in timerIsDue(index) }
            slots.append(slot)
        }
    }

    /// What an actuator is set to, scaled; nil when that is not known.
    public func value(_ index: Int) -> Int64? { slots[index].value }

    /// Nothing is being set.
    public var isIdle: Bool { slots.allSatisfy { !$0.isBusy && $0.waiting.isEmpty } }

    /// Begins to take every safe state, whatever the actuators were set to before.
    public func start() {
        for index in slots.indices { takeSafeState(index) { _ in } }
    }

    /// Begins to take the safe states for good: what waits has failed, and a command that still runs is killed. Run the loop until `isIdle`,
    /// then call `close`.
    public func stop() {
        isStopping = true
        for (index, slot) in slots.enumerated() {
            if let timer = slot.timer { loop.cancel(timer) }
            let waiting = slot.waiting
            slot.waiting = []
            if slot.setting != slot.actuator.safe { slot.driver.interrupt() }
            for entry in waiting { entry.done(false) }
            if slot.value == slot.actuator.safe, !slot.isBusy, slot.waiting.isEmpty { continue }
            takeSafeState(index) { [unowned(unsafe) self] _ in changed(index) }
        }
    }

    /// Ends commands that still run.
    public func close() {
        for slot in slots { slot.driver.stop() }
    }

    /// Sets an actuator to a value within its limits, after what was asked for before. `done` is called once: with false when that
    /// failed; then it takes its safe state. Nothing is set any more after `stop`.
    public func set(_ index: Int, to value: Int64, done: @escaping (Bool) -> Void) {
        if isStopping { return done(false) }
        enqueue(index, value) { [unowned(unsafe) self] isSet in
            if isSet { hold(index) } else if !isStopping { takeSafeState(index) { [unowned(unsafe) self] _ in changed(index) } }
            done(isSet)
        }
    }

    // MARK: One after the other

    private func enqueue(_ index: Int, _ value: Int64, _ done: @escaping (Bool) -> Void) {
        slots[index].waiting.append((value, done))
        if !slots[index].isBusy { next(index) }
    }

    private func next(_ index: Int) {
        let slot = slots[index]
        guard !slot.waiting.isEmpty else { return }
        let (value, done) = slot.waiting.removeFirst()
        slot.setting = value
        slot.driver.set(value) { [unowned(unsafe) self] fault in
            slot.setting = nil
            slot.value = fault == nil ? value : nil
            if let fault { failed(slot, fault) }
            done(fault == nil)
            if !slot.isBusy { next(index) }
        }
    }

    private func failed(_ slot: Slot, _ fault: SensorFault) {
        failures += 1
        var log = Log("actuator-failed")
        log.field("actuator", slot.actuator.name)
        log.field("reason", fault.settingDescription)
        log.write()
    }

    // MARK: Safe states

    /// Ahead of everything that waits; tried again until it is taken, unless the node ends.
    private func takeSafeState(_ index: Int, _ done: @escaping (Bool) -> Void) {
        let slot = slots[index]
        slot.waiting.insert((slot.actuator.safe, { [unowned(unsafe) self] isSet in
            if !isSet, !isStopping, let timer = slot.timer { loop.schedule(timer, after: ActuatorBank.retrySeconds * nanosecondsPerSecond) }
            done(isSet)
        }), at: 0)
        if !slot.isBusy { next(index) }
    }

    /// A command was carried out: the time until the next one must come begins.
    private func hold(_ index: Int) {
        let slot = slots[index]
        guard let timer = slot.timer else { return }
        loop.cancel(timer)
        if let seconds = slot.actuator.holdTime, slot.value != slot.actuator.safe, !isStopping { loop.schedule(timer, after: Int64(seconds) * nanosecondsPerSecond) }
    }

    private func timerIsDue(_ index: Int) {
        // A command came, and its end decides what follows.
        if slots[index].isBusy { return }
        if slots[index].value != nil { releases += 1 }
        takeSafeState(index) { [unowned(unsafe) self] isSet in if isSet { changed(index) } }
    }
}
