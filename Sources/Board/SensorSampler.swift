import CLinux
import EventLoop
import System

/// A reading as it was taken.
public struct SensorReading: Sendable {
    /// The sensor's index in the board.
    public let sensor: Int
    /// The value x 10^decimals of the sensor, within its range, or why there is none.
    public let result: Result<Int64, SensorFault>
    /// When: nanoseconds since 1970 by the system's clock, right or wrong.
    public let realtime: Int64
    /// When: nanoseconds since boot.
    public let sinceBoot: Int64
}

/// Reads every sensor of a board when it is due.
///
/// Sensors are due at the multiples of their period since boot, so sensors of one period share one wake-up of the loop
/// and nothing drifts. Everything is read once at `start`. What was missed while the machine slept or the loop was busy
/// is left out, not made up for. What may block is read by the worker: all sensors of a tick in one job, one further
/// wake-up. A reading that is not finished when the next is due takes the place of that one; a file that hangs longer than
/// `Bounds.readingSeconds` is the fault `timedOut` at every tick.
public final class SensorSampler {
    public typealias Sink = (SensorReading) -> Void

    private let loop: EventLoop
    private let worker: Worker
    private let clock: any Clock
    private let sink: Sink
    private var readers: [SensorReader] = []
    private var periods: [Int64] = []
    /// When each is due next, in nanoseconds since boot.
    private var due: [Int64] = []
    private lazy var timer = Timer { [unowned(unsafe) self] in tick() }
    private var isRunning = false
    /// Readings handed to the sink, and how many of them were faults.
    public private(set) var readings: UInt64 = 0
    public private(set) var faults: UInt64 = 0

    /// - Parameters:
    ///   - sensors: the board's; their indexes are those of the readings.
    ///   - sink: called on the loop for every reading. It must not stop the sampler.
    public init(sensors: [Sensor], loop: EventLoop, worker: Worker, clock: any Clock, paths: SensorPaths = SensorPaths(), sink: @escaping Sink) {
        self.loop = loop
        self.worker = worker
        self.clock = clock
        self.sink = sink
        for (index, sensor) in sensors.enumerated() {
            let reader = SensorReader(sensor, paths: paths, loop: loop)
            if reader.isAsynchronous {
                reader.completion = { [unowned(unsafe) self] result in
                    deliver(SensorReading(sensor: index, result: result, realtime: clock.realtime, sinceBoot: clock.sinceBoot))
                }
            }
            readers.append(reader)
            periods.append(sensor.period)
            due.append(0)
        }
    }

    /// Reads everything now, and then whenever it is due.
    public func start() {
        isRunning = true
        let now = clock.sinceBoot
        read { _ in true }
        // The second reading is half a period to one and a half after the first.
        for index in due.indices { due[index] = next(after: now + periods[index] / 2, periods[index]) }
        schedule()
    }

    /// Ends: no reading is handed over any more, no command is left running. Let the worker finish its jobs (`Worker.drain`)
    /// before this object goes.
    public func stop() {
        isRunning = false
        loop.cancel(timer)
        for reader in readers { reader.stop() }
    }

    /// The first multiple of `period` after `time`.
    private func next(after time: Int64, _ period: Int64) -> Int64 { (time / period + 1) * period }

    private func schedule() {
        guard isRunning, let earliest = due.min() else { return }
        loop.schedule(timer, at: earliest)
    }

    private func tick() {
        let now = clock.sinceBoot
        read { due[$0] <= now }
        for index in due.indices where due[index] <= now { due[index] = next(after: now, periods[index]) }
        schedule()
    }

    // MARK: One tick

    private func read(_ isDue: (Int) -> Bool) {
        let now = clock.sinceBoot, realtime = clock.realtime
        var first: OpaquePointer?, last: OpaquePointer?
        var waiting: [Int] = []
        for index in readers.indices where isDue(index) {
            switch readers[index].begin(now: now) {
            case .done(let result): deliver(SensorReading(sensor: index, result: result, realtime: realtime, sinceBoot: now))
            case .worker(let files):
                if let last { maud_reading_link(last, files) } else { first = files }
                last = files
                waiting.append(index)
            case .running, .busy: break
            }
        }
        if let first { submit(first, waiting) }
    }

    private func submit(_ first: OpaquePointer, _ waiting: [Int]) {
        do throws(SystemError) {
            try worker.submit(maud_reading_job(first)) { [unowned(unsafe) self] in
                for index in waiting {
                    let (result, realtime, sinceBoot) = readers[index].finish()
                    deliver(SensorReading(sensor: index, result: result, realtime: realtime, sinceBoot: sinceBoot))
                }
            }
        } catch {
            // The worker is at its bound: these readings are lost, and said to be.
            for index in waiting {
                readers[index].abandon()
                deliver(SensorReading(sensor: index, result: .failure(.sourceFailed(error.code)), realtime: clock.realtime, sinceBoot: clock.sinceBoot))
            }
        }
    }

    private func deliver(_ reading: SensorReading) {
        guard isRunning else { return }
        readings += 1
        if case .failure = reading.result { faults += 1 }
        sink(reading)
    }
}

extension Board {
    /// Leaves out the optional sensors whose source is not there, with a line in the log for each. Call it once at start,
    /// before anything is made from the board.
    public mutating func leaveOutAbsentSensors(paths: SensorPaths = SensorPaths(), loop: EventLoop) {
        var absent: [Sensor] = []
        sensors.removeAll { sensor in
            guard sensor.isOptional, !SensorReader(sensor, paths: paths, loop: loop).isPresent else { return false }
            var log = Log("sensor-absent")
            log.field("sensor", sensor.name)
            log.write()
            absent.append(sensor)
            return true
        }
        absentSensors = absent
    }
}
