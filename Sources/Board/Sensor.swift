import System

/// One thing that is measured.
public struct Sensor: Sendable {
    /// The identifier in file names: [a-z0-9][a-z0-9-]{0,31}.
    public var name: String
    public var title: String
    /// The measured property, a term of the vocabulary.
    public var property: String
    /// A UN/CEFACT code ("CEL") or a URL.
    public var unitCode: String
    public var unitText: String
    /// The range, as scaled integers: value x 10^decimals. A reading outside it is a fault. board.json always has them.
    public var minimum: Int64?
    public var maximum: Int64?
    /// Scaled; nil when board.json does not say.
    public var marginOfError: Int64?
    /// Decimal places that are published, 0...9.
    public var decimals: Int
    public var source: SensorSource
    /// A sensor that may be absent on this machine: then it is left out instead of publishing faults.
    public var isOptional: Bool
    /// Nanoseconds from one reading to the next: whole milliseconds, 0.1 s to a day.
    public var period: Int64
    /// Readings in one file, 1...1000.
    public var batch: Int
    /// A reading that differs less than this from the last one published is dropped (scaled like `minimum`); 0 keeps all.
    public var deadBand: Int64
    public var audience: Audience
    public var retention: Retention
}

/// What is kept of a sensor's batches. The newest batch always is.
public struct Retention: Equatable, Sendable {
    public var count: Int
    public var days: Int
    public var octets: Int64
    public init(count: Int, days: Int, octets: Int64) {
        self.count = count
        self.days = days
        self.octets = octets
    }

    /// What holds without `retention` in board.json, and for the batches of sensors that it does not name any more.
    public static let standard = Retention(count: 1000, days: 30, octets: 8_388_608)
}

/// Where a reading comes from.
public enum SensorSource: Sendable {
    /// /sys/class/thermal/thermal_zone<zone>.
    case thermalZone(Int)
    /// The first thermal zone whose type has this name ("cpu-thermal").
    case thermalZoneType(String)
    /// /sys/class/hwmon: the chip's name and the channel ("temp1").
    case hardwareMonitor(chip: String, channel: String)
    /// /sys/bus/iio/devices: the device's name and the channel ("in_temp").
    case industrialIO(device: String, channel: String, Conversion)
    /// /sys/bus/w1/devices: the identifier ("28-0316a2798fff").
    case oneWire(identifier: String)
    /// /sys/class/power_supply: the supply's name and the attribute ("voltage_now").
    case powerSupply(supply: String, attribute: String)
    /// /proc/loadavg: over 1, 5 or 15 minutes.
    case load(minutes: Int)
    /// /proc/meminfo: the field's name ("MemAvailable"), published in octets.
    case memory(field: String)
    /// A GPIO line of a chip (character device v2): 0 or 1.
    case gpioLine(chip: String, line: Int, activeLow: Bool, bias: GPIOBias)
    /// The number that a file begins with.
    case file(path: String, Conversion)
    /// The number that the output of a command begins with; without a shell, killed after so many seconds.
    case command(arguments: [String], seconds: Int, Conversion)
    /// A made-up course that depends on nothing but the number of the reading (docs/board.md); `low` and `high` are scaled
    /// like the sensor's minimum.
    case simulator(Waveform, low: Int64, high: Int64, cycleSeconds: Int)
}

/// What makes a number found into one in the sensor's unit: times `scale`, plus `offset`.
public struct Conversion: Equatable, Sendable {
    public var scale: Decimal
    public var offset: Decimal
    public static let none = Conversion(scale: .one, offset: .zero)
}

public enum GPIOBias: Sendable { case none, pullUp, pullDown }
public enum Waveform: Sendable { case constant, sawtooth, triangle, square }
