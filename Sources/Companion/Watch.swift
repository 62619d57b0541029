import EventLoop
import Node
import OpenPGP
import System

/// One sensor that is watched.
package struct WatchedSensor {
    package let device: KnownDevice
    package let sensor: SensorDescription
    /// The newest readings, oldest first, at most `Watch.kept`.
    package fileprivate(set) var readings: [(reading: Reading, batch: ReadingBatch)] = []
    /// Files that were opened, the last sequence for each chain.
    fileprivate var seen: [String: UInt64] = [:]
}

/// What is watched, and all that is new of it at each look.
package final class Watch {
    private let desk: Desk
    package private(set) var sensors: [WatchedSensor]
    /// Devices that answered the last time.
    package private(set) var reached: [Fingerprint] = []
    /// The last problem with each device, by its fingerprint.
    private var problems: [String: String] = [:]
    package var isInterrupted: Bool { desk.isInterrupted }

    /// Readings that are kept for the plot.
    package static let kept = 60
    /// Batches that are opened at the beginning to have something to plot: gpg takes its time for each.
    private static let openedAtStart = 20

    package init(_ desk: Desk, _ sensors: [(device: KnownDevice, sensor: SensorDescription)]) throws(CommandError) {
        self.desk = desk
        self.sensors = sensors.map { WatchedSensor(device: $0.device, sensor: $0.sensor) }
        try desk.catchInterrupts()
    }

    /// Whether an error is only what a Ctrl-C did to gpg, which gets it too.
    package func isEnd(_ error: CommandError) -> Bool {
        _ = try? desk.loop.runOnce(wait: false)
        return isInterrupted
    }

    /// Why a device could not be visited, each reason told once.
    private func note(_ problem: Message?, of device: KnownDevice) -> Message? {
        let text = problem?.text
        if problems[device.fingerprint.description] == text { return nil }
        problems[device.fingerprint.description] = text
        return problem
    }

    /// Visits the devices and opens what is new. Returns the readings that were not there before, oldest first.
    package func look(_ told: (KnownDevice, Message) -> Void) throws(CommandError) -> [(reading: Reading, batch: ReadingBatch, device: KnownDevice)] {
        reached = []
        var visited: [Fingerprint] = []
        for one in sensors where !visited.contains(one.device.fingerprint) {
            visited.append(one.device.fingerprint)
            let visit = try desk.network().visit(one.device.fingerprint)
            if let problem = note(visit.problem, of: one.device) { told(one.device, problem) }
            if visit.problem == nil { reached.append(one.device.fingerprint) }
        }
        return try readNew()
    }

    /// Only what comes from now on is new.
    package func skipWhatIsHere() throws(CommandError) {
        for index in sensors.indices {
            for (chain, sequences) in BatchNames(try desk.names(of: sensors[index].device.fingerprint)).chains { sensors[index].seen[chain] = sequences.last }
        }
    }

    /// Opens what is new here, without going to the network.
    package func readNew() throws(CommandError) -> [(reading: Reading, batch: ReadingBatch, device: KnownDevice)] {
        var new: [(reading: Reading, batch: ReadingBatch, device: KnownDevice)] = []
        for index in sensors.indices {
            let device = sensors[index].device, isFirst = sensors[index].seen.isEmpty
            for (chain, sequences) in BatchNames(try desk.names(of: device.fingerprint)).chains where BatchNames.sensor(ofChain: chain) == sensors[index].sensor.name {
                let seen = sensors[index].seen[chain] ?? 0
                let unread = sequences.filter { $0 > seen }
                for sequence in isFirst ? unread.suffix(Watch.openedAtStart) : unread.suffix(Watch.kept) {
                    guard case .success(let batch) = try desk.batch(device.fingerprint, BatchNames.fileName(chain, sequence)) else { continue }
                    for reading in batch.readings {
                        sensors[index].readings.append((reading, batch))
                        new.append((reading, batch, device))
                    }
                }
                if let last = unread.last { sensors[index].seen[chain] = last }
            }
            sensors[index].readings = Array(sensors[index].readings.suffix(Watch.kept))
        }
        return new.sorted { ($0.reading.date ?? "") < ($1.reading.date ?? "") }
    }

    /// Waits for the next look, or until somebody has had enough.
    package func rest(seconds: Double) throws(CommandError) { try desk.turn(atMost: seconds) { isInterrupted } }
}
