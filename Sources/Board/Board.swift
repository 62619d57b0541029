/// What is attached to the machine: the contents of `board.json` (vocab/board.schema.json), checked.
public struct Board: Sendable {
    /// What the device is called.
    public var name: String
    public var description: String
    public var model: String
    public var sensors: [Sensor]
    public var actuators: [Actuator]
    /// Octets that the node's own directory may take, versions included.
    public var quota: Int64
    /// Versions kept of an edited file: how many, and how many octets.
    public var versionCount: Int
    public var versionOctets: Int64
}

/// One thing that is measured.
public struct Sensor: Sendable {
    /// The identifier in file names: [a-z0-9][a-z0-9-]{0,31}.
    public var name: String
    public var title: String
    /// The measured property, a term of the vocabulary or of schema.org.
    public var property: String
    /// A UN/CEFACT code ("CEL") or a URL; empty for a number without unit.
    public var unitCode: String
    public var unitText: String
    /// The range, as scaled integers: value x 10^decimals.
    public var minimum: Int64?
    public var maximum: Int64?
    public var marginOfError: Int64?
    /// Decimal places that are published, 0...9.
    public var decimals: Int
    public var source: SensorSource
    /// A sensor that may be absent on this machine: then it is left out instead of publishing faults.
    public var isOptional: Bool
    /// Nanoseconds from one reading to the next.
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
}

/// Where a reading comes from.
public enum SensorSource: Sendable {
    /// /sys/class/thermal/thermal_zoneN, by index or by its type's name.
    case thermalZone(index: Int?, kind: String?)
    /// /sys/class/hwmon: the chip's name and the channel ("temp1").
    case hardwareMonitor(chip: String, channel: String)
    /// /sys/bus/iio/devices: the device's name and the channel ("in_temp").
    case industrialIO(device: String, channel: String)
    /// /sys/bus/w1/devices: the identifier ("28-0316a2798ff").
    case oneWire(identifier: String)
    /// /sys/class/power_supply: the supply's name and the attribute ("voltage_now").
    case powerSupply(supply: String, attribute: String)
    /// /proc/loadavg: over 1, 5 or 15 minutes.
    case load(minutes: Int)
    /// /proc/meminfo: the field's name ("MemAvailable"), published in octets.
    case memory(field: String)
    /// A GPIO line of a chip (character device v2): 0 or 1.
    case gpioLine(chip: String, line: Int, activeLow: Bool, bias: GPIOBias)
    /// The number in a file, times scale plus offset.
    case file(path: String, scale: Double, offset: Double)
    /// The number that a command prints, without a shell; killed after so many seconds.
    case command(arguments: [String], seconds: Int)
    /// A deterministic course: see docs.
    case simulator(waveform: Waveform, low: Double, high: Double, periodSeconds: Int)
}

public enum GPIOBias: Sendable { case none, pullUp, pullDown }
public enum Waveform: Sendable { case constant, sawtooth, triangle, square }

/// One thing that can be switched or set.
public struct Actuator: Sendable {
    public var name: String
    public var title: String
    public var kind: ActuatorKind
    /// Limits of a level, scaled by 10^decimals.
    public var minimum: Int64
    public var maximum: Int64
    public var step: Int64
    public var decimals: Int
    public var unitCode: String
    public var unitText: String
    public var audience: Audience
    /// What it is set to at start, at stop and on failure (scaled).
    public var safe: Int64
    public var source: ActuatorSource
}

public enum ActuatorKind: Sendable { case switching, level }
public enum ActuatorSource: Sendable {
    case gpioLine(chip: String, line: Int, activeLow: Bool)
    case led(name: String)
    case simulator
}
