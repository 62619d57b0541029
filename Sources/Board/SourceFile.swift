import JSON
import System

/// The sources that have more than a name: lines, files, commands, the simulator.
extension SensorSource {
    static func gpioLine(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "chip", "line", "activeLow", "bias"])
        let biases: [GPIOBias] = [.none, .pullUp, .pullDown]
        let line = try GPIOLineKeys(object)
        let bias = biases[try object.choice("bias", ["none", "pullUp", "pullDown"], default: 0)]
        return .gpioLine(chip: line.chip, line: line.line, activeLow: line.activeLow, bias: bias)
    }

    static func file(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "path", "scale", "offset"])
        return .file(path: try object.required("path").path(1), try Conversion(object))
    }

    static func command(of object: JSONObject) throws(JSONError) -> SensorSource {
        try object.allow(["type", "arguments", "timeout", "scale", "offset"])
        let (arguments, seconds) = try CommandKeys.read(object)
        return .command(arguments: arguments, seconds: seconds, try Conversion(object))
    }

    static func simulator(of object: JSONObject, decimals: Int) throws(JSONError) -> SensorSource {
        try object.allow(["type", "waveform", "low", "high", "cycle"])
        let waveforms: [Waveform] = [.constant, .sawtooth, .triangle, .square]
        let waveform = waveforms[try object.choice("waveform", ["constant", "sawtooth", "triangle", "square"], default: 2)]
        let low = try object.scaled("low", decimals, default: 0)
        let high = try object.scaled("high", decimals, default: 100)
        let cycle = try object.integer("cycle", 1...86_400, unit: "seconds", default: 60)
        return .simulator(waveform, low: low, high: high, cycleSeconds: Int(cycle))
    }
}

/// The keys that a line has as a source and as a target.
struct GPIOLineKeys {
    var chip: String
    var line: Int
    var activeLow: Bool

    init(_ object: JSONObject) throws(JSONError) {
        chip = try object.chip("gpiochip")
        line = Int(try object.required("line").integer(0...1023))
        activeLow = try object.boolean("activeLow")
    }
}

/// The keys that a command has as a source and as a target.
enum CommandKeys {
    static func read(_ object: JSONObject) throws(JSONError) -> (arguments: [String], seconds: Int) {
        let list = try object.required("arguments").array(count: 1...Bounds.commandArguments)
        var arguments: [String] = []
        for index in 0..<list.count {
            guard let value = list[index] else { continue }
            arguments.append(index == 0 ? try value.path(2) : try value.text(0...1023, controls: true))
        }
        let seconds = try object.integer("timeout", 1...Int64(Bounds.commandSeconds), unit: "seconds", default: 5)
        return (arguments, Int(seconds))
    }
}
