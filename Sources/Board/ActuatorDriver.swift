import CLinux
import EventLoop
import JSON
import System

/// Sets one actuator: what the kernel or a file is told goes through the worker, a command through the loop; one setting at a time.
final class ActuatorDriver {
    private let actuator: Actuator
    private let paths: SensorPaths
    private let worker: Worker
    private let setting: OpaquePointer?
    private let command: CommandSource?
    /// max_brightness of an LED or a backlight.
    private var brightness: KernelFile?
    /// A PWM channel was exported and has its period.
    private var isPrepared = false

    init(_ actuator: Actuator, paths: SensorPaths, loop: EventLoop, worker: Worker) {
        self.actuator = actuator
        self.paths = paths
        self.worker = worker
        if case .command(let arguments, let seconds) = actuator.source {
            setting = nil
            command = CommandSource(arguments: arguments, seconds: seconds, conversion: .none, loop: loop)
        } else {
            setting = maud_setting_create()
            command = nil
        }
        switch actuator.source {
        case .led(let name): brightness = KernelFile(limit: 64) { joined(paths.sys, "/class/leds/", name, "/max_brightness") }
        case .backlight(let name): brightness = KernelFile(limit: 64) { joined(paths.sys, "/class/backlight/", name, "/max_brightness") }
        default: break
        }
    }

    deinit { if let setting { maud_setting_free(setting) } }

    /// Kills a command that runs; its completion is not called.
    func stop() { command?.stop() }

    /// A command that runs is killed, and has failed.
    func interrupt() { command?.interrupt() }

    /// Sets it to a value within its limits, scaled. `done` is called once, by the loop or before this returns; not before the one of the
    /// last time.
    func set(_ value: Int64, done: @escaping (SensorFault?) -> Void) {
        do throws(SensorFault) {
            switch actuator.source {
            case .simulator: return done(nil)
            case .command: return try run(value, done)
            case .gpioLine(let chip, let line, let activeLow):
                guard let setting else { throw .sourceFailed(ErrorNumber.noMemory) }
                let result = maud_setting_line(setting, joined(paths.dev, "/", chip), UInt32(line), activeLow, value == 0 ? 0 : 1)
                if result < 0 { throw SensorFault(errorNumber: -result) }
            case .led(let name): try addBrightness(value, joined(paths.sys, "/class/leds/", name), hasTrigger: true)
            case .backlight(let name): try addBrightness(value, joined(paths.sys, "/class/backlight/", name), hasTrigger: false)
            case .pulseWidth(let pulse): try addPulse(value, pulse)
            case .attribute(let path, let text): try addText(path, try octets(value, text), Int32(MAUD_SETTING_IN_PLACE))
            case .file(let path, let text): try addText(path, try octets(value, text) + [0x0A], Int32(MAUD_SETTING_REPLACE))
            }
        } catch {
            clear()
            return done(error)
        }
        submit(done)
    }

    private func clear() { if let setting { maud_setting_clear(setting) } }

    private func submit(_ done: @escaping (SensorFault?) -> Void) {
        guard let setting else { return done(.sourceFailed(ErrorNumber.noMemory)) }
        do throws(SystemError) {
            try worker.submit(maud_setting_job(setting)) { [self] in
                clear()
                let result = maud_setting_result(setting)
                isPrepared = result == 0
                done(result < 0 ? SensorFault(errorNumber: -result) : nil)
            }
        } catch {
            clear()
            done(.sourceFailed(error.code))
        }
    }

    private func addText(_ path: String, _ octets: [UInt8], _ manner: Int32) throws(SensorFault) {
        guard let setting else { throw .sourceFailed(ErrorNumber.noMemory) }
        let result = octets.withUnsafeBytes { maud_setting_add(setting, path, $0.baseAddress, $0.count, manner) }
        if result < 0 { throw SensorFault(errorNumber: -result) }
    }

    private func add(_ directory: String, _ name: StaticString, _ number: Int64, _ manner: Int = MAUD_SETTING_IN_PLACE) throws(SensorFault) {
        var octets: [UInt8] = []
        octets.append(decimal: number)
        try addText(joined(directory, name), octets, Int32(manner))
    }

    // MARK: Brightness

    /// From darkness at the minimum to full brightness at the maximum. A trigger would go on changing an LED.
    private func addBrightness(_ value: Int64, _ directory: String, hasTrigger: Bool) throws(SensorFault) {
        guard let file = brightness else { throw .sourceMissing }
        guard let greatest = Decimal(leading: try file.read())?.scaled(0), greatest > 0, greatest <= 1 << 31 else { throw .malformedValue }
        if hasTrigger { try addText(joined(directory, "/trigger"), Array("none"), Int32(MAUD_SETTING_MAY_FAIL)) }
        try add(directory, "/brightness", part(value, of: greatest))
    }

    /// `whole` x (value - minimum) / (maximum - minimum), to the nearest.
    private func part(_ value: Int64, of whole: Int64) -> Int64 {
        let span = UInt64(bitPattern: actuator.maximum &- actuator.minimum), over = UInt64(bitPattern: value &- actuator.minimum)
        var (high, low) = over.multipliedFullWidth(by: UInt64(whole))
        let (sum, overflow) = low.addingReportingOverflow(span / 2)
        low = sum
        if overflow { high += 1 }
        return Int64(span.dividingFullWidth((high, low)).quotient)
    }

    // MARK: Pulses

    /// A period shorter than the present pulse is refused, and a pulse longer than the present period: so both are tried in both orders
    /// the first time, and the pulse never becomes another one in between.
    private func addPulse(_ value: Int64, _ pulse: PulseWidth) throws(SensorFault) {
        let chip = joined(paths.sys, "/class/pwm/", pulse.chip)
        var number: [UInt8] = []
        number.append(decimal: Int64(pulse.channel))
        let channel = joined(chip, "/pwm", number.text)
        let span = pulse.high - pulse.low
        let width = span >= 0 ? pulse.low + part(value, of: span) : pulse.low - part(value, of: -span)
        if !isPrepared {
            if !DeviceSearch.exists(channel) { try add(chip, "/export", Int64(pulse.channel), MAUD_SETTING_MAY_FAIL) }
            try add(channel, "/period", pulse.period, MAUD_SETTING_MAY_FAIL)
            try add(channel, "/duty_cycle", width, MAUD_SETTING_MAY_FAIL)
            try add(channel, "/period", pulse.period)
            // Refused while it runs; then it was set before.
            try addText(joined(channel, "/polarity"), Array(pulse.isInverted ? "inversed" as StaticString : "normal"), Int32(MAUD_SETTING_MAY_FAIL))
        }
        try add(channel, "/duty_cycle", width)
        if !isPrepared { try add(channel, "/enable", 1) }
    }

    // MARK: Text and commands

    private func octets(_ value: Int64, _ text: ValueText) throws(SensorFault) -> [UInt8] {
        switch text {
        case .words(let off, let on): return Array((value == 0 ? off : on).utf8)
        case .number(let conversion):
            let number = Decimal(value, exponent: -actuator.decimals) * conversion.scale + conversion.offset
            var octets: [UInt8] = []
            if number.isInteger {
                guard let integer = number.scaled(0) else { throw .outOfRange }
                octets.append(decimal: integer)
            } else {
                guard number.exponent >= -18 else { throw .outOfRange }
                octets.append(decimal: number.coefficient, decimals: -number.exponent)
            }
            return octets
        }
    }

    /// The value on standard input, with a line feed. What it prints does not matter; it must exit with 0.
    private func run(_ value: Int64, _ done: @escaping (SensorFault?) -> Void) throws(SensorFault) {
        guard let command else { throw .sourceMissing }
        // The last one was killed and is not reaped yet.
        if command.isRunning { throw .sourceFailed(ErrorNumber.again) }
        try command.run(input: try octets(value, .number(.none)) + [0x0A]) { result in
            switch result {
            case .success, .failure(.malformedValue): done(nil)
            case .failure(let fault): done(fault)
            }
        }
    }
}
