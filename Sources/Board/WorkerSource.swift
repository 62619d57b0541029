import CLinux
import System

/// The sources that may block: read on the worker, up to three files, all sensors of a tick in one job.
final class WorkerSource {
    private enum Form {
        /// A thermometer's w1_slave: the kernel's verdict on the checksum, then t=millidegrees.
        case oneWire(path: String)
        /// (raw + offset) x scale of an IIO channel, or its processed value.
        case industrialIO(device: String, channel: String)
        case file(path: String)
    }

    private let form: Form
    private let conversion: Conversion
    private let sys: String
    private let reading: OpaquePointer
    /// Which file of the reading is what; -1 for none.
    private var offsetIndex = -1, scaleIndex = -1
    private var isProcessed = false

    /// nil for a source of another kind, or without memory.
    init?(_ source: SensorSource, paths: SensorPaths) {
        switch source {
        case .oneWire(let identifier):
            form = .oneWire(path: joined(paths.sys, "/bus/w1/devices/", identifier, "/w1_slave"))
            conversion = .none
        case .industrialIO(let device, let channel, let given):
            form = .industrialIO(device: device, channel: channel)
            conversion = given
        case .file(let path, let given):
            form = .file(path: path)
            conversion = given
        default: return nil
        }
        sys = paths.sys
        // A file may be replaced by another of the same name; attributes of the kernel are not.
        let keepOpen = if case .file = form { false } else { true }
        guard let reading = maud_reading_create(keepOpen) else { return nil }
        self.reading = reading
    }

    deinit { maud_reading_free(reading) }

    var isPresent: Bool {
        switch form {
        case .oneWire(let path), .file(let path): return DeviceSearch.exists(path)
        case .industrialIO: defer { maud_reading_clear(reading) }; return locate()
        }
    }

    // MARK: Before and after the job

    /// The C side, ready to be read, or nil when there is nothing to read.
    func prepare() throws(SensorFault) -> OpaquePointer {
        if maud_reading_count(reading) == 0, !locate() { throw .sourceMissing }
        maud_reading_link(reading, nil)
        return reading
    }

    /// The value that the job read, and when.
    func finish() -> (Result<Decimal, SensorFault>, realtime: Int64, sinceBoot: Int64) {
        let result: Result<Decimal, SensorFault>
        do throws(SensorFault) { result = .success(try value()) } catch {
            // Next time it is looked for again.
            maud_reading_clear(reading)
            result = .failure(error)
        }
        return (result, maud_reading_realtime(reading), maud_reading_since_boot(reading))
    }

    private func value() throws(SensorFault) -> Decimal {
        let first = try text(0)
        switch form {
        case .oneWire: return try WorkerSource.oneWire(first)
        case .file: return try number(first) * conversion.scale + conversion.offset
        case .industrialIO:
            var value = try number(first)
            if !isProcessed {
                if offsetIndex >= 0 { value = value + (try number(text(offsetIndex))) }
                if scaleIndex >= 0 { value = value * (try number(text(scaleIndex))) }
            }
            return value * conversion.scale + conversion.offset
        }
    }

    private func text(_ index: Int) throws(SensorFault) -> UnsafeRawBufferPointer {
        let result = maud_reading_result(reading, UInt32(index))
        if result < 0 { throw SensorFault(errorNumber: -result) }
        return UnsafeRawBufferPointer(start: maud_reading_text(reading, UInt32(index)), count: Int(result))
    }

    private func number(_ text: UnsafeRawBufferPointer) throws(SensorFault) -> Decimal {
        guard let number = Decimal(leading: text) else { throw .malformedValue }
        return number
    }

    /// "... : crc=56 YES\n... t=26187\n"
    private static func oneWire(_ text: UnsafeRawBufferPointer) throws(SensorFault) -> Decimal {
        guard let end = text.firstIndex(of: 0x0A) else { throw .malformedValue }
        guard text[..<end].suffix(3).elementsEqual([0x59, 0x45, 0x53]) else { throw .sourceFailed(ErrorNumber.badMessage) }
        guard let mark = text[end...].firstIndex(of: 0x74), mark + 1 < text.count, text[mark + 1] == 0x3D,
              let number = Decimal(leading: UnsafeRawBufferPointer(rebasing: text[(mark + 2)...])) else { throw .malformedValue }
        return Decimal(number.coefficient, exponent: number.exponent - 3)
    }

    // MARK: Finding the files

    /// Looking up names in sysfs does not block; only reading may.
    private func locate() -> Bool {
        offsetIndex = -1
        scaleIndex = -1
        switch form {
        case .oneWire(let path), .file(let path): return maud_reading_add(reading, path) == 0
        case .industrialIO(let name, let channel):
            guard let device = DeviceSearch.find(name, attribute: "name", prefix: "iio:device", in: joined(sys, "/bus/iio/devices")) else { return false }
            let base = joined(device, "/", channel)
            isProcessed = add(joined(base, "_input"))
            if isProcessed { return true }
            guard add(joined(base, "_raw")) else { return false }
            offsetIndex = addShared("offset", device, channel)
            scaleIndex = addShared("scale", device, channel)
            return true
        }
    }

    /// An attribute of the channel, or the one it shares with the others of its type: in_voltage0_scale, in_voltage_scale;
    /// in_accel_x_scale, in_accel_scale.
    private func addShared(_ attribute: StaticString, _ device: String, _ channel: String) -> Int {
        let octets = Array(channel.utf8)
        let withoutNumbers = octets.filter { !isDigit($0) }
        let withoutModifier = octets.lastIndex(of: 0x5F).map { Array(octets[..<$0]) } ?? octets
        for name in [octets, withoutNumbers, withoutModifier] {
            if add(joined(joined(device, "/", name.text, "_"), attribute)) { return Int(maud_reading_count(reading)) - 1 }
        }
        return -1
    }

    /// Adds a file that exists.
    private func add(_ path: String) -> Bool { DeviceSearch.exists(path) && maud_reading_add(reading, path) == 0 }
}
