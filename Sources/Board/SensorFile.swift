import JSON
import System

extension Sensor {
    /// An element of `sensors`.
    init(_ value: JSONValue) throws(JSONError) {
        let object = try value.object()
        try object.allow([
            "name", "title", "property", "unitCode", "unitText", "minimum", "maximum", "decimals", "marginOfError", "source",
            "period", "batch", "deadBand", "audience", "retention", "optional",
        ])
        name = try object.required("name").name()
        title = try object.text("title", 1...64)
        let property = try object.required("property")
        _ = try property.choice(Sensor.properties)
        self.property = try property.string().text
        unitCode = try object.required("unitCode").unitCode()
        unitText = try object.text("unitText", 1...16)
        decimals = Int(try object.integer("decimals", 0...9, default: 3))
        let minimum = try object.required("minimum").scaled(decimals), maximum = try object.required("maximum").scaled(decimals)
        self.minimum = minimum
        self.maximum = maximum
        if maximum <= minimum { throw try object.required("maximum").error(.outOfRange, "must be greater than minimum") }
        marginOfError = try object["marginOfError"]?.scaledPositive(decimals)
        deadBand = try object["deadBand"]?.scaled(decimals, .zero) ?? 0
        source = try SensorSource(object.required("source"), decimals: decimals)
        // Milliseconds: what epoll_wait can time.
        let seconds = try object["period"]?.decimal(Decimal(1, exponent: -1), Decimal(86_400), unit: "seconds")
        period = (seconds?.scaled(3) ?? 10_000) * 1_000_000
        batch = Int(try object.integer("batch", 1...Int64(Bounds.batchSize), default: 6))
        audience = try object.audience(default: .group("viewers"))
        retention = try Retention(object["retention"])
        isOptional = try object.boolean("optional")
    }

    /// The vocabulary's quantities, the individuals that `property` may name.
    static let properties: [StaticString] = [
        "temperature", "relativeHumidity", "pressure", "voltage", "electricCurrent", "power", "energy", "stateOfCharge", "frequency",
        "rotationalSpeed", "illuminance", "distance", "acceleration", "angularVelocity", "magneticFluxDensity", "soundPressureLevel",
        "mass", "massConcentration", "volumeFraction", "flowRate", "loadAverage", "memory", "lineState", "count", "fraction", "quantity",
    ]
}

extension Conversion {
    /// The keys `scale` and `offset` of a source.
    init(_ object: JSONObject) throws(JSONError) {
        scale = .one
        offset = .zero
        if let value = object["scale"] {
            scale = try value.decimal(Decimal(-1, exponent: 9), Decimal(1, exponent: 9))
            if scale == .zero { throw value.error(.outOfRange, "must not be 0") }
        }
        if let value = object["offset"] { offset = try value.decimal(Decimal(-1, exponent: 12), Decimal(1, exponent: 12)) }
    }
}

/// The kinds of source, in the order of their names below.
private enum SourceKind: Int {
    case thermalZone, hardwareMonitor, industrialIO, oneWire, powerSupply, load, memory, gpioLine, file, command, simulator
}
private let sourceNames: [StaticString] = [
    "thermalZone", "hardwareMonitor", "industrialIO", "oneWire", "powerSupply", "load", "memory", "gpioLine", "file", "command", "simulator",
]

extension SensorSource {
    /// The key `source` of a sensor.
    init(_ value: JSONValue, decimals: Int) throws(JSONError) {
        let object = try value.object()
        let kind = SourceKind(rawValue: try object.required("type").choice(sourceNames)) ?? .simulator
        self = switch kind {
        case .thermalZone: try .thermalZone(of: object)
        case .hardwareMonitor: try .hardwareMonitor(of: object)
        case .industrialIO: try .industrialIO(of: object)
        case .oneWire: try .oneWire(of: object)
        case .powerSupply: try .powerSupply(of: object)
        case .load: try .load(of: object)
        case .memory: try .memory(of: object)
        case .gpioLine: try .gpioLine(of: object)
        case .file: try .file(of: object)
        case .command: try .command(of: object)
        case .simulator: try .simulator(of: object, decimals: decimals)
        }
    }

    private static func thermalZone(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "zone", "zoneType"])
        guard let type = object["zoneType"] else { return .thermalZone(Int(try object.integer("zone", 0...255, default: 0))) }
        if object["zone"] != nil { throw type.error(.invalid, "cannot be together with zone") }
        return .thermalZoneType(try type.label())
    }

    private static func hardwareMonitor(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "chip", "channel"])
        let chip = try object.label("chip")
        let value = try object.required("channel")
        let channel = try value.string()
        let digits = channel.reversed().prefix { isDigit($0) }.count
        let kind = channel.dropLast(digits)
        guard (1...3).contains(digits), HardwareMonitorKind(kind) != nil else {
            throw value.error(.invalid, "must be temp, in, curr, power, energy, humidity or fan and a number of 1 to 3 digits")
        }
        return .hardwareMonitor(chip: chip, channel: channel.text)
    }

    private static func industrialIO(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "device", "channel", "scale", "offset"])
        let device = try object.label("device")
        let value = try object.required("channel")
        let channel = try value.string()
        let rest = channel.dropFirst(3)
        guard channel.starts(with: [UInt8]("in_")), (1...40).contains(rest.count),
              rest.allSatisfy({ isLowerOrDigit($0) || $0 == 0x5F || $0 == 0x2D }) else {
            throw value.error(.invalid, "must be in_ and 1 to 40 of a-z, 0-9, _ and -")
        }
        return .industrialIO(device: device, channel: channel.text, try Conversion(object))
    }

    private static func oneWire(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "identifier"])
        let value = try object.required("identifier")
        let identifier = try value.string()
        guard identifier.count == 15, identifier[2] == 0x2D,
              identifier.enumerated().allSatisfy({ $0 == 2 || isDigit($1) || (0x61...0x66).contains($1) }) else {
            throw value.error(.invalid, "must be 2 and 12 lower-case hexadecimal digits with - between")
        }
        return .oneWire(identifier: identifier.text)
    }

    private static func powerSupply(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "supply", "attribute"])
        let supply = try object.label("supply")
        let attribute = try object.required("attribute")
        _ = try attribute.choice(PowerSupplyAttribute.names)
        return .powerSupply(supply: supply, attribute: try attribute.string().text)
    }

    private static func load(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "minutes"])
        guard let value = object["minutes"] else { return .load(minutes: 1) }
        let minutes = try value.integer(1...15)
        guard minutes == 1 || minutes == 5 || minutes == 15 else { throw value.error(.invalid, "must be 1, 5 or 15") }
        return .load(minutes: Int(minutes))
    }

    private static func memory(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "field"])
        guard let value = object["field"] else { return .memory(field: "MemAvailable") }
        let field = try value.string()
        guard (1...32).contains(field.count), (0x41...0x5A).contains(field[0]),
              field.allSatisfy({ isLetterOrDigit($0) || $0 == 0x5F || $0 == 0x28 || $0 == 0x29 }) else {
            throw value.error(.invalid, "must be the name of a line of /proc/meminfo, for example MemAvailable")
        }
        return .memory(field: field.text)
    }
}
