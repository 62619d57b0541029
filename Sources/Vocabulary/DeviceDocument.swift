import Board
import JSON
import OpenPGP
import System

/// What the node publishes as `device.json.pgp`: what the device is, every sensor with its unit and its limits, and
/// every actuator as an action with its input and limits (docs/vocabulary.md, part 2). Who reads a sensor is not said.
/// - Parameter softwareVersion: the program's name and version, for example "maud 0.1.0".
public func deviceDocument(board: Board, fingerprint: Fingerprint, softwareVersion: String) -> [UInt8] {
    var document = DocumentWriter(fingerprint: fingerprint)
    document.deviceItself("@id")
    document.json.key("@type")
    document.json.beginArray()
    document.json.string("IndividualProduct")
    document.json.string("Device")
    document.json.endArray()
    document.text("identifier", octets: fingerprint.hexadecimal)
    document.text("name", board.name)
    document.text("description", board.description)
    document.text("model", board.model)
    document.text("firmwareVersion", softwareVersion)
    document.file("vocabulary", Array<UInt8>("vocabulary-1.json.pgp"))
    if !board.sensors.isEmpty {
        document.json.key("sensor")
        document.json.beginArray()
        for sensor in board.sensors { document.sensor(sensor) }
        document.json.endArray()
    }
    if !board.actuators.isEmpty {
        document.json.key("potentialAction")
        document.json.beginArray()
        for actuator in board.actuators { document.capability(actuator) }
        document.json.endArray()
    }
    return document.finish()
}

extension DocumentWriter {
    /// Clause 2.3.
    fileprivate mutating func sensor(_ sensor: Sensor) {
        json.beginObject()
        part("@id", sensor.name)
        type("Sensor")
        text("name", sensor.title)
        text("propertyID", sensor.property)
        text("measurementTechnique", sensor.source.technique)
        text("unitCode", sensor.unitCode)
        text("unitText", sensor.unitText)
        if let minimum = sensor.minimum { number("minValue", minimum, decimals: sensor.decimals) }
        if let maximum = sensor.maximum { number("maxValue", maximum, decimals: sensor.decimals) }
        number("decimals", Int64(sensor.decimals))
        number("period", sensor.period / 1_000_000, decimals: 3)
        number("batchSize", Int64(sensor.batch))
        if sensor.deadBand > 0 { number("deadBand", sensor.deadBand, decimals: sensor.decimals) }
        json.endObject()
    }

    /// Clause 2.5: an actuator is what a ControlAction acts on; its `value-input` says what a command may set.
    fileprivate mutating func capability(_ actuator: Actuator) {
        json.beginObject()
        type("ControlAction")
        text("name", actuator.title)
        json.key("object")
        json.beginObject()
        part("@id", actuator.name)
        type(actuator.kind == .switching ? "Switch" : "Level")
        text("name", actuator.title)
        text("unitCode", actuator.unitCode)
        text("unitText", actuator.unitText)
        number("minValue", actuator.minimum, decimals: actuator.decimals)
        number("maxValue", actuator.maximum, decimals: actuator.decimals)
        number("safeValue", actuator.safe, decimals: actuator.decimals)
        if let seconds = actuator.holdTime { number("holdTime", Int64(seconds)) }
        json.key("value-input")
        json.beginObject()
        type("PropertyValueSpecification")
        json.key("valueRequired")
        json.boolean(true)
        number("minValue", actuator.minimum, decimals: actuator.decimals)
        number("maxValue", actuator.maximum, decimals: actuator.decimals)
        number("stepValue", actuator.step, decimals: actuator.decimals)
        json.endObject()
        json.endObject()
        json.endObject()
    }
}

extension SensorSource {
    /// What board.json calls this kind of source; where exactly it is stays on the device.
    fileprivate var technique: StaticString {
        switch self {
        case .thermalZone, .thermalZoneType: "thermalZone"
        case .hardwareMonitor: "hardwareMonitor"
        case .industrialIO: "industrialIO"
        case .oneWire: "oneWire"
        case .powerSupply: "powerSupply"
        case .load: "load"
        case .memory: "memory"
        case .gpioLine: "gpioLine"
        case .file: "file"
        case .command: "command"
        case .simulator: "simulator"
        }
    }
}
