import JSON
import System

extension ActuatorSource {
    /// The key `source` of an actuator.
    init(_ value: JSONValue, kind: ActuatorKind) throws(JSONError) {
        let object = try value.object()
        switch try object.required("type").choice(["gpioLine", "led", "backlight", "pulseWidth", "attribute", "file", "command", "simulator"]) {
        case 0:
            try object.allow(["type", "chip", "line", "activeLow"])
            let line = try GPIOLineKeys(object)
            if kind == .level { throw value.error(.invalid, "can be a gpioLine only for a switch") }
            self = .gpioLine(chip: line.chip, line: line.line, activeLow: line.activeLow)
        case 1:
            try object.allow(["type", "name"])
            self = .led(name: try object.label("name"))
        case 2:
            try object.allow(["type", "name"])
            self = .backlight(name: try object.label("name"))
        case 3: self = .pulseWidth(try PulseWidth(object))
        case 4: self = .attribute(path: try ActuatorSource.attributePath(object), try ValueText(object, kind: kind))
        case 5: self = .file(path: try object.required("path").path(2), try ValueText(object, kind: kind))
        case 6:
            try object.allow(["type", "arguments", "timeout"])
            let (arguments, seconds) = try CommandKeys.read(object)
            self = .command(arguments: arguments, seconds: seconds)
        default:
            try object.allow(["type"])
            self = .simulator
        }
    }

    /// Only below /sys: what is written in place elsewhere could be found half written.
    private static func attributePath(_ object: JSONObject) throws(JSONError) -> String {
        let value = try object.required("path"), path = try value.path(6)
        guard Array(path.utf8).starts(with: Array<UInt8>("/sys/")) else { throw value.error(.invalid, "must be below /sys/") }
        return path
    }
}

extension PulseWidth {
    init(_ object: JSONObject) throws(JSONError) {
        try object.allow(["type", "chip", "channel", "period", "low", "high", "inverted"])
        let chip = try object.chip("pwmchip")
        let period = try object.required("period").integer(1...1_000_000_000, unit: "nanoseconds")
        let low = try object.integer("low", 0...period, unit: "nanoseconds", default: 0)
        let high = try object.integer("high", 0...period, unit: "nanoseconds", default: period)
        self.init(chip: chip, channel: Int(try object.integer("channel", 0...255, default: 0)), period: period, low: low, high: high,
                  isInverted: try object.boolean("inverted"))
    }
}

extension ValueText {
    /// `scale` and `offset`, or for a switch `off` and `on`.
    init(_ object: JSONObject, kind: ActuatorKind) throws(JSONError) {
        try object.allow(["type", "path", "scale", "offset", "off", "on"])
        guard let off = object["off"] ?? object["on"] else {
            self = .number(try Conversion(object))
            return
        }
        if kind == .level { throw off.error(.invalid, "is for a switch only") }
        if let number = object["scale"] ?? object["offset"] { throw number.error(.invalid, "cannot be there together with off and on") }
        self = .words(off: try object.text("off", 1...31), on: try object.text("on", 1...31))
    }
}
