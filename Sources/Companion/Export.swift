import JSON
import Node
import OpenPGP
import System

/// How readings are written for other programs.
package enum ExportFormat {
    /// RFC 4180, with a line of names first.
    case csv
    /// An object a line.
    case jsonLines
}

/// Writes readings, one after the other.
package struct ReadingWriter {
    package let format: ExportFormat
    package init(_ format: ExportFormat) { self.format = format }

    package static let columns = ["device", "deviceName", "sensor", "property", "date", "value", "fault", "unitCode", "unitText", "marginOfError", "bootId", "monotonicSeconds", "file"]

    package var head: [UInt8] { format == .csv ? CSV.line(ReadingWriter.columns) : [] }

    package func line(_ reading: Reading, of batch: ReadingBatch, deviceName: String) -> [UInt8] {
        if format == .jsonLines {
            var json = JSONWriter()
            json.reading(reading, of: batch, deviceName: deviceName)
            return json.bytes + [0x0A]
        }
        // Texts are the device's: on a terminal they must not be more than texts.
        return CSV.line([
            batch.device.description, deviceName, batch.sensor, batch.property, reading.date ?? "", reading.value?.text ?? "", reading.fault ?? "",
            batch.unitCode ?? "", batch.unitText ?? "", batch.marginOfError?.text ?? "", batch.bootID, reading.monotonicSeconds.text, batch.fileName,
        ].map { printable($0).text })
    }
}

/// Comma-separated values (RFC 4180).
package enum CSV {
    package static func line(_ cells: [String]) -> [UInt8] { Array(cells.map(quoted).joined(separator: ",").utf8) + [0x0D, 0x0A] }

    private static func quoted(_ cell: String) -> String {
        // A cell that a spreadsheet would take for a formula is text: numbers never begin so but with a minus.
        let isFormula = cell.utf8.first.map { [0x3D, 0x2B, 0x40, 0x09, 0x0D].contains($0) || $0 == 0x2D && Decimal(octets: Array(cell.utf8)) == nil } ?? false
        let text = isFormula ? "'" + cell : cell
        guard text.utf8.contains(where: { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}

extension Desk {
    /// The sensors that a person named, those too that a device had once and does not name any more.
    package func collectedSensors(_ words: [String], in selection: Selection) throws(CommandError) -> [(device: KnownDevice, sensor: String)] {
        var found: [(device: KnownDevice, sensor: String)] = []
        func add(_ device: KnownDevice) throws(CommandError) {
            var names: [String] = []
            for chain in BatchNames(try self.names(of: device.fingerprint)).chains.map({ BatchNames.sensor(ofChain: $0.chain) }) where !names.contains(chain) { names.append(chain) }
            found += names.map { (device, $0) }
        }
        if words.isEmpty { for device in selection.devices { try add(device) } }
        for word in words {
            if let (device, sensor) = try selection.sensor(word) { found.append((device, sensor.name)) } else { try add(try selection.deviceOrSensor(word)) }
        }
        return found
    }

    /// Gives all collected readings of sensors in the order of their chains, each file verified.
    ///
    /// - Parameters:
    ///   - times: milliseconds since 1970; readings without a date are given when all times are asked for.
    ///   - body: called with octets to write.
    /// - Returns: files that are not believed and were left out.
    package func export(_ sensors: [(device: KnownDevice, sensor: String)], times: ClosedRange<Int64>?, as writer: ReadingWriter,
                        _ body: ([UInt8]) throws(CommandError) -> Void) throws(CommandError) -> Int {
        try body(writer.head)
        let progress = Progress("opening")
        defer { progress.clear() }
        var problems = 0, count = 0
        for (device, sensor) in sensors {
            for (chain, sequences) in BatchNames(try names(of: device.fingerprint)).chains where BatchNames.sensor(ofChain: chain) == sensor {
                for sequence in sequences {
                    let name = BatchNames.fileName(chain, sequence)
                    count += 1
                    progress.show(count)
                    switch try batch(device.fingerprint, name) {
                    case .success(let batch):
                        let wanted = batch.readings.filter { reading in times.map { reading.time.map($0.contains) ?? false } ?? true }
                        try body(wanted.flatMap { writer.line($0, of: batch, deviceName: device.name) })
                    case .failure(let problem):
                        problems += 1
                        Desk.note("\(name) of \(device.name) is left out: \(problem.reason)")
                    }
                }
            }
        }
        return problems
    }
}
