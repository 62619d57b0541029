@testable import Board
import CLinux
import EventLoop
import System
import Foundation
import System
import TestSupport
import Testing

@Suite struct SensorSamplerTests {
    private let tree: FakeTree
    private let clock = SimulatedClock()
    private let loop: EventLoop
    private let owner: WorkerOwner
    private var worker: Worker { owner.worker }
    init() throws {
        tree = try FakeTree()
        loop = try EventLoop(clock: clock)
        owner = try WorkerOwner(loop)
    }

    private final class Log { var readings: [SensorReading] = [] }

    private func sampler(_ sensors: [Sensor]) -> (SensorSampler, Log) {
        let log = Log()
        return (SensorSampler(sensors: sensors, loop: loop, worker: worker, clock: clock, paths: tree.paths) { log.readings.append($0) }, log)
    }

    private func simulator(_ seconds: Double) -> Sensor {
        makeSensor(.simulator(.sawtooth, low: 0, high: 1_000_000, cycleSeconds: 1000), decimals: 0, period: Int64(seconds * 1000) * 1_000_000)
    }

    /// Moves the clock from one deadline to the next, up to `end`; returns how often the loop woke.
    private func run(until end: Int64) throws -> Int {
        var turns = 0
        while let deadline = loop.nextDeadline, deadline <= end {
            clock.sinceBoot = deadline
            try loop.runOnce(wait: false)
            turns += 1
        }
        clock.sinceBoot = end
        return turns
    }

    private let second = nanosecondsPerSecond

    @Test func fourSensorsAtOneHertzAreOneWakeUpASecond() throws {
        clock.sinceBoot = 1_234_567_890
        let (sampler, log) = sampler([simulator(1), simulator(1), simulator(1), simulator(1)])
        sampler.start()
        #expect(log.readings.map(\.sensor) == [0, 1, 2, 3])
        #expect(try run(until: 101 * second) == 100)
        #expect(log.readings.count == 4 + 400)
        #expect(log.readings.dropFirst(4).allSatisfy { $0.sinceBoot % second == 0 })
        #expect(log.readings.last?.sinceBoot == 101 * second)
        sampler.stop()
        #expect(loop.nextDeadline == nil)
    }

    @Test func periodsShareAGridAndNothingWakesInBetween() throws {
        let (sampler, log) = sampler([simulator(1), simulator(2), simulator(0.5), simulator(86_400)])
        sampler.start()
        log.readings = []
        #expect(try run(until: 10 * second) == 20)
        #expect(log.readings.filter { $0.sensor == 0 }.map(\.sinceBoot) == (1...10).map { $0 * second })
        #expect(log.readings.filter { $0.sensor == 1 }.map(\.sinceBoot) == (1...5).map { $0 * 2 * second })
        #expect(log.readings.filter { $0.sensor == 2 }.count == 20)
        #expect(log.readings.filter { $0.sensor == 3 }.isEmpty)
    }

    @Test func theFirstReadingIsAtOnceAndTheSecondNotRightAfter() throws {
        clock.sinceBoot = 9_990_000_000
        let (sampler, log) = sampler([simulator(10)])
        sampler.start()
        #expect(log.readings.map(\.sinceBoot) == [9_990_000_000])
        #expect(loop.nextDeadline == 20 * second)
    }

    /// Late turns do not move the grid; what was missed in a suspend is left out.
    @Test func noDriftAndNoReplay() throws {
        let (sampler, log) = sampler([simulator(1)])
        sampler.start()
        log.readings = []
        for turn in 1...5 {
            clock.sinceBoot = Int64(turn) * second + 300_000_000
            try loop.runOnce(wait: false)
        }
        #expect(log.readings.count == 5 && loop.nextDeadline == 6 * second)
        clock.sinceBoot = 3600 * second + 1
        try loop.runOnce(wait: false)
        #expect(log.readings.count == 6 && loop.nextDeadline == 3601 * second)
        // The simulator counts readings, not seconds.
        #expect(log.readings.map { try? $0.result.get() } == [1000, 2000, 3000, 4000, 5000, 6000])
    }

    @Test func readingsSayWhen() throws {
        clock.sinceBoot = 5 * second
        let (sampler, log) = sampler([simulator(1)])
        sampler.start()
        #expect(log.readings[0].realtime == 1_000_000_000_000_000_000 && log.readings[0].sinceBoot == 5 * second)
    }

    @Test func faultsAreReadingsToo() throws {
        let (sampler, log) = sampler([makeSensor(.thermalZone(0)), makeSensor(.oneWire(identifier: "28-000000000000")), simulator(1)])
        sampler.start()
        #expect(log.readings.map(\.sensor) == [0, 2])
        try worker.drain()
        #expect(log.readings.map(\.sensor) == [0, 2, 1])
        #expect(log.readings[0].result == .failure(.sourceMissing) && log.readings[2].result == .failure(.sourceMissing))
        #expect(sampler.readings == 3 && sampler.faults == 2)
    }

    /// However many sensors may block: one job, one further wake-up a tick.
    @Test func slowSensorsShareOneJob() throws {
        var sensors: [Sensor] = []
        for index in 0..<5 {
            try tree.write("value\(index)", "\(index)")
            sensors.append(makeSensor(.file(path: tree.root + "/value\(index)", .none), decimals: 0))
        }
        let (sampler, log) = sampler(sensors)
        sampler.start()
        #expect(worker.pending == 1)
        let before = loop.wakeUps
        try worker.drain()
        #expect(loop.wakeUps - before == 1)
        #expect(log.readings.map { try? $0.result.get() } == [0, 1, 2, 3, 4])
    }

    /// A worker that does not answer: the readings are left out first, then they are faults, and in the end a value.
    @Test func aFileThatHangsTimesOut() throws {
        try tree.write("value", "1")
        let (sampler, log) = sampler([makeSensor(.file(path: tree.root + "/value", .none), decimals: 0)])
        let gate = Gate()
        try worker.submit(gate.job) {}
        sampler.start()
        for turn in 1...12 {
            clock.sinceBoot = Int64(turn) * second
            try loop.runOnce(wait: false)
        }
        #expect(log.readings.map(\.result) == [.failure(.timedOut(10)), .failure(.timedOut(10)), .failure(.timedOut(10))])
        gate.open()
        try worker.drain()
        #expect(log.readings.last?.result == .success(1))
        clock.sinceBoot = 13 * second
        try loop.runOnce(wait: false)
        try worker.drain()
        #expect(log.readings.count == 5)
    }

    @Test func aWorkerAtItsBoundIsAFault() throws {
        let full = try Worker(loop: loop, capacity: 1)
        let gate = Gate()
        try full.submit(gate.job) {}
        let log = Log()
        let sampler = SensorSampler(sensors: [makeSensor(.file(path: "/x", .none))], loop: loop, worker: full, clock: clock) { log.readings.append($0) }
        sampler.start()
        #expect(log.readings.map(\.result) == [.failure(.sourceFailed(ErrorNumber.again))])
        gate.open()
        try full.drain()
        clock.sinceBoot = second
        try loop.runOnce(wait: false)
        try full.drain()
        #expect(log.readings.last?.result == .failure(.sourceMissing))
        try full.stop()
    }

    @Test func optionalSensorsThatAreAbsentAreLeftOut() throws {
        try tree.write("sys/class/thermal/thermal_zone0/temp", "1")
        try tree.write("sys/bus/iio/devices/iio:device0/name", "adc")
        try tree.write("sys/bus/iio/devices/iio:device0/in_voltage0_raw", "1")
        let sources: [SensorSource] = [
            .thermalZone(0), .thermalZone(1), .thermalZoneType("x"), .hardwareMonitor(chip: "x", channel: "in0"), .oneWire(identifier: "28-000000000000"),
            .industrialIO(device: "adc", channel: "in_voltage0", .none), .industrialIO(device: "adc", channel: "in_voltage1", .none),
            .powerSupply(supply: "BAT0", attribute: "capacity"), .load(minutes: 1), .gpioLine(chip: "gpiochip0", line: 0, activeLow: false, bias: .none),
            .file(path: "/nonexistent", .none), .command(arguments: ["/bin/true"], seconds: 1, .none), .command(arguments: ["/nonexistent"], seconds: 1, .none),
            .simulator(.constant, low: 0, high: 0, cycleSeconds: 1),
        ]
        var board = try Board(json: Array("{\"name\":\"x\"}".utf8))
        board.sensors = sources.enumerated().map { makeSensor($1, optional: true, name: "s\($0)") } + [makeSensor(.file(path: "/nonexistent", .none), name: "needed")]
        board.leaveOutAbsentSensors(paths: tree.paths, loop: loop)
        #expect(board.sensors.map(\.name) == ["s0", "s5", "s11", "s13", "needed"])
    }
}

/// Ends the thread with the test.
private final class WorkerOwner {
    let worker: Worker
    init(_ loop: EventLoop) throws { worker = try Worker(loop: loop) }
    deinit { try? worker.stop() }
}

/// A job that keeps the worker until it is opened.
private final class Gate {
    private let memory = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<maud_job>.stride + 16, alignment: 16)
    var job: UnsafeMutablePointer<maud_job> { memory.assumingMemoryBound(to: maud_job.self) }
    private var pipe: [Int32] { [memory.load(fromByteOffset: MemoryLayout<maud_job>.stride, as: Int32.self)] }

    init() {
        memory.storeBytes(of: maud_eventfd(), toByteOffset: MemoryLayout<maud_job>.stride, as: Int32.self)
        job.initialize(to: maud_job(run: { job in
            guard let job else { return }
            let fd = UnsafeRawPointer(job).load(fromByteOffset: MemoryLayout<maud_job>.stride, as: Int32.self)
            while maud_eventfd_drain(fd) < 0 { usleep(100) }
        }, owner: nil, next: nil))
    }

    deinit {
        close(pipe[0])
        memory.deallocate()
    }

    func open() { _ = maud_eventfd_signal(pipe[0]) }
}
