import EventLoop
import System

/// Reads one sensor: a value x 10^decimals, rounded half away from zero, or the fault; never an old value.
final class SensorReader {
    /// What `begin` did.
    enum Beginning {
        /// The reading is here already.
        case done(Result<Int64, SensorFault>)
        /// It comes through the completion.
        case running
        /// It waits for a job of the worker with these files in it.
        case worker(OpaquePointer)
        /// The one before is not finished: this one is left out.
        case busy
    }

    private enum Driver {
        case kernel(KernelSource)
        case gpio(GPIOInput)
        case worker(WorkerSource)
        case command(CommandSource)
        case simulator(SimulatedCourse)
        /// No memory for it at start.
        case none
    }

    private let driver: Driver
    private let decimals: Int
    private let minimum: Int64
    private let maximum: Int64
    /// Readings begun so far: the simulator's n.
    private var sequence: Int64 = 0
    /// Called by the loop with the result of a reading that was `.running`. Set once, so that no reading allocates one.
    var completion: ((Result<Int64, SensorFault>) -> Void)?
    /// When the worker was given the files that it still has, in nanoseconds since boot.
    private var submitted: Int64?

    init(_ sensor: Sensor, paths: SensorPaths, loop: EventLoop) {
        decimals = sensor.decimals
        minimum = sensor.minimum ?? Int64.min
        maximum = sensor.maximum ?? Int64.max
        switch sensor.source {
        case .gpioLine(let chip, let line, let activeLow, let bias):
            driver = .gpio(GPIOInput(chip: chip, line: line, activeLow: activeLow, bias: bias, paths: paths))
        case .command(let arguments, let seconds, let conversion):
            driver = .command(CommandSource(arguments: arguments, seconds: seconds, conversion: conversion, loop: loop))
        case .simulator(let waveform, let low, let high, let cycle):
            driver = .simulator(SimulatedCourse(waveform, low: low, high: high, cycleSeconds: cycle, period: sensor.period))
        default:
            if let source = KernelSource(sensor.source, paths: paths) { driver = .kernel(source) }
            else if let source = WorkerSource(sensor.source, paths: paths) { driver = .worker(source) }
            else { driver = .none }
        }
    }

    /// Whether what it reads is there now.
    var isPresent: Bool {
        switch driver {
        case .kernel(let source): source.isPresent
        case .gpio(let input): input.isPresent
        case .worker(let source): source.isPresent
        case .command(let source): source.isPresent
        case .simulator: true
        case .none: false
        }
    }

    /// Whether its readings come through the completion.
    var isAsynchronous: Bool { if case .command = driver { true } else { false } }

    // MARK: Reading

    /// Begins a reading at `now`.
    func begin(now: Int64) -> Beginning {
        do throws(SensorFault) {
            switch driver {
            case .kernel(let source): return .done(checked(try source.read()))
            case .gpio(let input): return .done(checked(try input.read()))
            case .worker(let source): return try begin(source, now: now)
            case .command(let source):
                if source.isRunning { return try source.beBusy() }
                try source.run { [unowned(unsafe) self] result in completion?(checked(result)) }
                return .running
            case .simulator(let course):
                defer { sequence += 1 }
                return .done(inRange(course.value(at: sequence)))
            case .none: return .done(.failure(.sourceFailed(ErrorNumber.noMemory)))
            }
        } catch { return .done(.failure(error)) }
    }

    /// A file that hangs (a dead network file system) is a fault at each later tick, not a silence.
    private func begin(_ source: WorkerSource, now: Int64) throws(SensorFault) -> Beginning {
        guard let submitted else {
            let files = try source.prepare()
            self.submitted = now
            return .worker(files)
        }
        if now - submitted < Int64(Bounds.readingSeconds) * nanosecondsPerSecond { return .busy }
        throw .timedOut(Bounds.readingSeconds)
    }

    /// What the worker read, once its job came back.
    func finish() -> (result: Result<Int64, SensorFault>, realtime: Int64, sinceBoot: Int64) {
        submitted = nil
        guard case .worker(let source) = driver else { return (.failure(.sourceMissing), 0, 0) }
        let (result, realtime, sinceBoot) = source.finish()
        return (checked(result), realtime, sinceBoot)
    }

    /// The worker did not take the job.
    func abandon() { submitted = nil }

    func stop() {
        if case .command(let source) = driver { source.stop() }
    }

    // MARK: From what was read to what is published

    private func checked(_ result: Result<Decimal, SensorFault>) -> Result<Int64, SensorFault> {
        switch result {
        case .success(let number): checked(number)
        case .failure(let fault): .failure(fault)
        }
    }

    private func checked(_ number: Decimal) -> Result<Int64, SensorFault> {
        guard let value = number.scaled(decimals) else { return .failure(.outOfRange) }
        return inRange(value)
    }

    private func inRange(_ value: Int64) -> Result<Int64, SensorFault> {
        value < minimum || value > maximum ? .failure(.outOfRange) : .success(value)
    }
}
