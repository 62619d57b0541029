import System

/// The kinds of hwmon channel and the kernel's unit of each (Documentation/hwmon/sysfs-interface.rst).
enum HardwareMonitorKind {
    /// Millidegrees, millivolts, milliamperes, thousandths of a percent.
    case thousandths
    /// Microwatts, microjoules.
    case millionths
    /// Revolutions a minute.
    case whole

    /// The kind that a channel's name begins with.
    init?(_ name: some Collection<UInt8>) {
        let octets = Array(name)
        func isOne(of names: [StaticString]) -> Bool { names.contains { octets == [UInt8]($0) } }
        if isOne(of: ["temp", "in", "curr", "humidity"]) { self = .thousandths }
        else if isOne(of: ["power", "energy"]) { self = .millionths }
        else if isOne(of: ["fan"]) { self = .whole }
        else { return nil }
    }

    /// The power of ten of the kernel's unit.
    var exponent: Int {
        switch self {
        case .thousandths: -3
        case .millionths: -6
        case .whole: 0
        }
    }
}

/// The attributes of a power supply and the kernel's unit of each (Documentation/ABI/testing/sysfs-class-power).
enum PowerSupplyAttribute {
    static let names: [StaticString] = ["capacity", "voltage_now", "current_now", "power_now", "energy_now", "charge_now", "temp", "online"]

    /// The power of ten of the kernel's unit: percent, micro-units, tenths of a degree.
    static func exponent(of name: String) -> Int {
        if name.hasSameOctets(as: "temp") { return -1 }
        return name.hasSameOctets(as: "capacity") || name.hasSameOctets(as: "online") ? 0 : -6
    }
}
