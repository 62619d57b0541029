@testable import Board
import CLinux
import EventLoop
import Foundation
import System
import Testing

final class SimulatedClock: Clock {
    var realtime: Int64 = 1_000_000_000_000_000_000
    var sinceBoot: Int64 = 0
}

/// A tree of kernel files in a temporary directory, gone with the object.
final class FakeTree {
    let root: String
    var paths: SensorPaths { SensorPaths(sys: root + "/sys", proc: root + "/proc", dev: root + "/dev") }

    init() throws {
        root = NSTemporaryDirectory() + "maud-board-\(maud_process_id())-\(UInt32.random(in: 0...UInt32.max))"
        for directory in ["/sys", "/proc", "/dev"] { try FileManager.default.createDirectory(atPath: root + directory, withIntermediateDirectories: true) }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// Writes a file in place (a descriptor that is open sees it), with the directories above it.
    func write(_ path: String, _ text: String) throws {
        let full = root + "/" + path
        try FileManager.default.createDirectory(atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Files.write(Array(text.utf8), to: full)
    }

    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: root + "/" + path) }

    /// An executable script; returns its path.
    func script(_ name: String, _ body: String) throws -> String {
        try write(name, "#!/bin/sh\n" + body + "\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: root + "/" + name)
        return root + "/" + name
    }
}

func makeSensor(
    _ source: SensorSource, decimals: Int = 3, minimum: Int64? = nil, maximum: Int64? = nil, period: Int64 = nanosecondsPerSecond, optional: Bool = false, name: String = "s"
) -> Sensor {
    Sensor(
        name: name, title: "S", property: "quantity", unitCode: "C62", unitText: "1", minimum: minimum, maximum: maximum, marginOfError: nil,
        decimals: decimals, source: source, isOptional: optional, period: period, batch: 1, deadBand: 0, audience: .everyone,
        retention: Retention(count: 1, days: 1, octets: 1))
}

/// A loop, a worker and what reads one sensor at a time.
final class Bench {
    let clock = SystemClock()
    let loop: EventLoop
    let worker: Worker

    init() throws {
        loop = try EventLoop(clock: clock)
        worker = try Worker(loop: loop)
    }

    deinit { try? worker.stop() }

    /// One reading, however long it takes.
    func read(_ reader: SensorReader) throws -> Result<Int64, SensorFault> {
        var outcome: Result<Int64, SensorFault>?
        reader.completion = { outcome = $0 }
        switch reader.begin(now: loop.now) {
        case .done(let result): return result
        case .worker(let files): try worker.submit(maud_reading_job(files)) { outcome = reader.finish().result }
        case .running: break
        case .busy: Issue.record("busy")
        }
        while outcome == nil { try loop.runOnce(wait: true) }
        return try #require(outcome)
    }

    func read(_ source: SensorSource, _ tree: FakeTree, decimals: Int = 3) throws -> Result<Int64, SensorFault> {
        try read(SensorReader(makeSensor(source, decimals: decimals), paths: tree.paths, loop: loop))
    }
}
