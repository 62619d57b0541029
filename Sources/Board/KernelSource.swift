import System

/// The sources that are a copy out of the kernel's memory, or close to it: read where the loop stands.
final class KernelSource {
    private enum Form {
        /// A number, x 10^exponent.
        case number(exponent: Int)
        /// The n-th word of a line of numbers (/proc/loadavg).
        case word(Int)
        /// The number in the line of this name, x 1024 when it says kB (/proc/meminfo).
        case line([UInt8])
    }

    private let form: Form
    private let file: KernelFile

    /// nil for a source of another kind.
    init?(_ source: SensorSource, paths: SensorPaths) {
        switch source {
        case .thermalZone(let zone):
            form = .number(exponent: -3)
            file = KernelFile(limit: 64) { joined(paths.sys, "/class/thermal/thermal_zone", KernelSource.decimal(zone), "/temp") }
        case .thermalZoneType(let type):
            form = .number(exponent: -3)
            file = KernelFile(limit: 64) {
                DeviceSearch.find(type, attribute: "type", prefix: "thermal_zone", in: joined(paths.sys, "/class/thermal")).map { joined($0, "/temp") }
            }
        case .hardwareMonitor(let chip, let channel):
            let kind = HardwareMonitorKind(Array(channel.utf8.prefix { !isDigit($0) }))
            form = .number(exponent: kind?.exponent ?? 0)
            file = KernelFile(limit: 64) {
                DeviceSearch.find(chip, attribute: "name", prefix: "hwmon", in: joined(paths.sys, "/class/hwmon")).map { joined($0, "/", channel, "_input") }
            }
        case .powerSupply(let supply, let attribute):
            form = .number(exponent: PowerSupplyAttribute.exponent(of: attribute))
            file = KernelFile(limit: 64) { joined(joined(paths.sys, "/class/power_supply/", supply, "/"), "", attribute) }
        case .load(let minutes):
            form = .word(minutes == 1 ? 0 : minutes == 5 ? 1 : 2)
            file = KernelFile(limit: 64) { joined(paths.proc, "/loadavg") }
        case .memory(let field):
            form = .line(Array(field.utf8))
            // All of it: a page holds twice the lines that there are.
            file = KernelFile(limit: 4096) { joined(paths.proc, "/meminfo") }
        default: return nil
        }
    }

    private static func decimal(_ number: Int) -> String {
        var text: [UInt8] = []
        text.append(decimal: Int64(number))
        return text.text
    }

    var isPresent: Bool { file.isPresent }

    /// The value now, in the sensor's unit.
    func read() throws(SensorFault) -> Decimal {
        let text = try file.read()
        let number: Decimal? = switch form {
        case .number(let exponent): Decimal(leading: text).map { Decimal($0.coefficient, exponent: $0.exponent + exponent) }
        case .word(let index): KernelSource.word(index, of: text)
        case .line(let name): try KernelSource.line(name, of: text)
        }
        guard let number else { throw .malformedValue }
        return number
    }

    private static func word(_ index: Int, of text: UnsafeRawBufferPointer) -> Decimal? {
        var start = 0
        for _ in 0..<index {
            guard let blank = text[start...].firstIndex(of: 0x20) else { return nil }
            start = blank + 1
        }
        return Decimal(leading: UnsafeRawBufferPointer(rebasing: text[start...]))
    }

    /// "MemAvailable:     123456 kB"
    private static func line(_ name: [UInt8], of text: UnsafeRawBufferPointer) throws(SensorFault) -> Decimal? {
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: 0x0A) ?? text.count
            let line = UnsafeRawBufferPointer(rebasing: text[start..<end])
            if line.count > name.count, line[name.count] == 0x3A, line.starts(with: name) {
                guard let number = Decimal(leading: UnsafeRawBufferPointer(rebasing: line[(name.count + 1)...])) else { return nil }
                return line[line.count - 1] == 0x42 ? number * Decimal(1024) : number
            }
            start = end + 1
        }
        // A kernel without such a line: there is nothing of that name.
        throw .sourceMissing
    }
}
