import JSON
import Node
import OpenPGP
import System

/// The latest reading of a sensor.
package struct LatestReading {
    package let device: KnownDevice
    package let sensor: SensorDescription
    /// Nil: nothing of the sensor is here.
    package let batch: ReadingBatch?
    package var reading: Reading? { batch?.readings.last }
}

package struct LatestReadings {
    package let all: [LatestReading]

    package var table: [UInt8] {
        var table = Table(["device", "sensor", "value", "time"])
        for one in all {
            let value = one.batch.flatMap { batch in one.reading.map { batch.words($0) } }
            let time = one.reading.map { $0.date ?? "boot + \($0.monotonicSeconds.text) s" }
            table.add([one.device.name, one.sensor.name, value ?? "nothing yet", time ?? "-"])
        }
        return table.octets
    }

    package var json: [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        for one in all { if let batch = one.batch, let reading = one.reading { json.reading(reading, of: batch, deviceName: one.device.name) } }
        json.endArray()
        return json.bytes + [0x0A]
    }
}

extension JSONWriter {
    /// A reading with all that is known of it: the same members in `get`, `watch` and `export`.
    mutating func reading(_ reading: Reading, of batch: ReadingBatch, deviceName: String) {
        beginObject()
        member("device", batch.device.description)
        member("deviceName", deviceName)
        member("sensor", batch.sensor)
        member("property", batch.property)
        member("date", reading.date)
        member("value", reading.value)
        member("fault", reading.fault)
        member("unitCode", batch.unitCode)
        member("unitText", batch.unitText)
        member("marginOfError", batch.marginOfError)
        member("bootId", batch.bootID)
        member("monotonicSeconds", reading.monotonicSeconds)
        member("file", batch.fileName)
        endObject()
    }
}

extension Desk {
    /// The sensors that a person named: sensors, or all of a device; everything of all followed devices when nothing was named.
    package func sensors(_ words: [String], in selection: Selection) throws(CommandError) -> [(device: KnownDevice, sensor: SensorDescription)] {
        var found: [(device: KnownDevice, sensor: SensorDescription)] = []
        func add(_ device: KnownDevice) { found += (device.description?.sensors ?? []).map { (device, $0) } }
        if words.isEmpty { selection.followed.forEach(add) }
        for word in words {
            if let sensor = try selection.sensor(word) { found.append(sensor) } else { add(try selection.deviceOrSensor(word)) }
        }
        return found
    }

    /// The devices that words may be about: to be visited before it is known what they have.
    func candidates(_ words: [String], in selection: Selection) -> [KnownDevice] {
        let named = words.compactMap { word in try? selection.device(word.split(separator: "/").first.map(String.init) ?? word) }
        return named.count == words.count && !words.isEmpty ? named : selection.followed
    }

    /// The latest readings of sensors, each verified.
    package func latest(_ sensors: [(device: KnownDevice, sensor: SensorDescription)]) throws(CommandError) -> LatestReadings {
        var all: [LatestReading] = [], names: [(Fingerprint, BatchNames)] = []
        for (device, sensor) in sensors {
            if !names.contains(where: { $0.0 == device.fingerprint }) { names.append((device.fingerprint, BatchNames(try self.names(of: device.fingerprint)))) }
            let batches = names.first { $0.0 == device.fingerprint }?.1 ?? BatchNames([])
            all.append(LatestReading(device: device, sensor: sensor, batch: try newestBatch(device.fingerprint, sensor.name, batches)))
        }
        return LatestReadings(all: all)
    }
}

extension Selection {
    /// A device; the error names sensors too, because either could have been meant.
    func deviceOrSensor(_ text: String) throws(CommandError) -> KnownDevice {
        if devices.contains(where: { $0.isMeant(by: text) }) { return try device(text) }
        let sensors = devices.flatMap { device in (device.description?.sensors ?? []).map { "\(device.name)/\($0.name)" } }
        let known = sensors.isEmpty ? "no sensor of any device is known yet" : "known are \(sensors.joined(separator: ", "))"
        throw CommandError(.dataError, "there is neither a device nor a sensor \(text); \(known)")
    }
}
