import System

/// What is attached to the machine: the contents of `board.json` (vocab/board.schema.json), checked.
///
/// Every number is within its limits and is an exact integer: `minimum` and its like are the number x 10^`decimals`.
public struct Board: Sendable {
    /// What the device is called.
    public var name: String
    /// Empty when board.json has none.
    public var description: String
    /// Empty when board.json has none.
    public var model: String
    /// At most `Bounds.sensors`; names are unique among sensors and actuators.
    public var sensors: [Sensor]
    /// Optional sensors whose source was not there at start: nothing reads them, but what they published is theirs.
    public var absentSensors: [Sensor] = []
    /// At most `Bounds.actuators`.
    public var actuators: [Actuator]
    /// Octets that the node's own directory may take, versions included.
    public var quota: Int64
    /// Versions kept of an edited file: how many, and how many octets.
    public var versionCount: Int
    public var versionOctets: Int64
    /// Octets that the files of one friend, and of all, may take, and octets a second that are received of them.
    public var syncOctetsPerFriend = Bounds.syncOctetsPerFriend
    public var syncOctets = Bounds.syncOctets
    public var syncRate = Bounds.syncRate
    /// Seconds that a command's startTime may be from the device's time.
    public var commandWindow = Bounds.commandWindow
    public var bluetooth = BluetoothSettings()
}

/// One thing that can be switched or set.
public struct Actuator: Sendable {
    /// The identifier in file names: [a-z0-9][a-z0-9-]{0,31}.
    public var name: String
    public var title: String
    public var kind: ActuatorKind
    /// Limits of a level, scaled by 10^decimals. A switch has 0, 1 and the step 1.
    public var minimum: Int64
    public var maximum: Int64
    /// Values are the minimum plus whole multiples of this (scaled).
    public var step: Int64
    public var decimals: Int
    /// "C62" (one) for a switch.
    public var unitCode: String
    /// Empty when board.json has none.
    public var unitText: String
    /// Who may read what it is set to.
    public var audience: Audience
    /// What it is set to at start, at stop and on failure (scaled).
    public var safe: Int64
    public var source: ActuatorSource
    /// Seconds after the last command until it takes its safe value; nil: it keeps what it is set to.
    public var holdTime: Int?
}

public enum ActuatorKind: Sendable { case switching, level }

/// What an actuator drives (docs/board.md).
public enum ActuatorSource: Sendable {
    /// A line of a GPIO chip, for a switch.
    case gpioLine(chip: String, line: Int, activeLow: Bool)
    /// /sys/class/leds: the directory's name. Its limits are darkness and full brightness.
    case led(name: String)
    /// /sys/class/backlight: the same.
    case backlight(name: String)
    case pulseWidth(PulseWidth)
    /// A file of sysfs, written in place.
    case attribute(path: String, ValueText)
    /// A file, replaced as a whole.
    case file(path: String, ValueText)
    /// A program with all its arguments; the value comes on its standard input.
    case command(arguments: [String], seconds: Int)
    case simulator
}

/// A channel of a PWM chip, and the pulses for an actuator's limits. Nanoseconds.
public struct PulseWidth: Sendable, Equatable {
    public var chip: String
    public var channel: Int
    public var period: Int64
    /// How long the pulse is at the minimum and at the maximum; in between it is in proportion.
    public var low: Int64
    public var high: Int64
    public var isInverted: Bool

    public init(chip: String, channel: Int, period: Int64, low: Int64, high: Int64, isInverted: Bool) {
        self.chip = chip
        self.channel = channel
        self.period = period
        self.low = low
        self.high = high
        self.isInverted = isInverted
    }
}

/// How a value is written as text.
public enum ValueText: Sendable {
    /// The value x scale + offset.
    case number(Conversion)
    /// For a switch: a word for 0 and one for 1.
    case words(off: String, on: String)
}
