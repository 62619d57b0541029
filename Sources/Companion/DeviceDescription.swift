import JSON
import Node
import OpenPGP
import System

/// A sensor, as the device itself describes it.
package struct SensorDescription: Equatable {
    package let name: String
    package let title: String
    package let property: String
    package let technique: String?
    package let unitCode: String?
    package let unitText: String?
    package let minimum: Decimal?
    package let maximum: Decimal?
    package let decimals: Int?
    /// Seconds between readings.
    package let period: Decimal?
    package let batchSize: Int?
}

/// An actuator, as the device itself describes it.
package struct ActuatorDescription: Equatable {
    package let name: String
    package let title: String
    /// 0 is off and 1 is on.
    package let isSwitch: Bool
    package let unitCode: String?
    package let unitText: String?
    package let minimum: Decimal?
    package let maximum: Decimal?
    package let step: Decimal?
    package let safeValue: Decimal?
    /// Seconds after the last command until it takes its safe value by itself.
    package let holdTime: Decimal?
}

/// What a device says of itself in `device.json.pgp` (docs/vocabulary.md, part 2). Nothing here knows any board: only the vocabulary.
package struct DeviceDescription: Equatable {
    package static let fileName = "device.json.pgp"

    package let fingerprint: Fingerprint
    package let name: String
    package let description: String?
    package let model: String?
    package let firmwareVersion: String?
    package let sensors: [SensorDescription]
    package let actuators: [ActuatorDescription]
}

extension DeviceDescription {
    init(_ top: JSONObject, of device: Fingerprint) throws(JSONError) {
        try top.demand("@id", device)
        fingerprint = device
        name = try top.text("name") ?? device.description
        description = try top.text("description")
        model = try top.text("model")
        firmwareVersion = try top.text("firmwareVersion")
        var sensors: [SensorDescription] = [], actuators: [ActuatorDescription] = []
        for object in try top.objects("sensor") { sensors.append(try SensorDescription(object, of: device)) }
        for action in try top.objects("potentialAction") where action.types.contains("ControlAction") {
            actuators.append(try ActuatorDescription(try action.required("object").object(), of: device))
        }
        self.sensors = sensors
        self.actuators = actuators
    }
}

extension SensorDescription {
    init(_ object: JSONObject, of device: Fingerprint) throws(JSONError) {
        name = try object.part("@id", of: device)
        title = try object.text("name") ?? name
        property = try object.text("propertyID") ?? "quantity"
        technique = try object.text("measurementTechnique")
        unitCode = try object.text("unitCode")
        unitText = try object.text("unitText")
        minimum = try object.decimal("minValue")
        maximum = try object.decimal("maxValue")
        decimals = try object.count("decimals")
        period = try object.decimal("period")
        batchSize = try object.count("batchSize")
    }
}

extension ActuatorDescription {
    init(_ object: JSONObject, of device: Fingerprint) throws(JSONError) {
        name = try object.part("@id", of: device)
        title = try object.text("name") ?? name
        isSwitch = object.types.contains("Switch")
        unitCode = try object.text("unitCode")
        unitText = try object.text("unitText")
        safeValue = try object.decimal("safeValue")
        holdTime = try object.decimal("holdTime")
        // What a command may say; an actuator may be able to more than that.
        let input = try object["value-input"]?.object() ?? object
        minimum = try input.decimal("minValue")
        maximum = try input.decimal("maxValue")
        step = try input.decimal("stepValue")
    }

    /// The number that a word means: `on` and `off` for a switch, else a number, perhaps with the actuator's unit behind it.
    package func value(_ text: String) throws(CommandError) -> Decimal {
        if isSwitch, let value = ["on": Decimal.one, "off": .zero, "true": .one, "false": .zero][text.lowercased()] { return value }
        var number = text
        if let unitText, number.hasSuffix(unitText) { number = number.dropLast(unitText.count).trimmed }
        guard let value = Decimal(octets: Array(number.utf8)) else {
            let what: Message = isSwitch ? "on, off, 1 or 0" : "a number\(unitText.map { " of \($0)" } ?? "")"
            throw CommandError(.usage, "\(name) takes \(what), not \(text)")
        }
        return value
    }

    /// A value as people read it.
    package func words(_ value: Decimal) -> String {
        if isSwitch { return value == .one ? "on" : value == .zero ? "off" : value.text }
        return [value.text, unitText].compactMap { $0 }.joined(separator: " ")
    }
}
