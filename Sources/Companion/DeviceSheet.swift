import JSON
import Node
import OpenPGP
import System

/// What a device can do, for `mau show`.
package struct DeviceSheet {
    package let device: KnownDevice
    package let description: DeviceDescription
    /// The states of actuators that are known, by name.
    package let states: [(actuator: String, state: ActuatorState)]

    package var text: [UInt8] {
        var lines = ["\(description.name)", "  fingerprint  \(description.fingerprint.description)"]
        for (title, value) in [("description", description.description), ("model", description.model), ("firmware", description.firmwareVersion)] {
            if let value { lines.append("  \(title)\(String(repeating: " ", count: 13 - title.count))\(value)") }
        }
        lines = lines.map { printable($0).text }
        if !description.sensors.isEmpty {
            var table = Table(["sensor", "title", "measures", "unit", "range", "every", "source"])
            for one in description.sensors { table.add(row(one)) }
            lines += [""] + table.lines
        }
        if !description.actuators.isEmpty {
            var table = Table(["actuator", "title", "takes", "safe", "now"])
            for one in description.actuators { table.add(row(one)) }
            lines += [""] + table.lines
        }
        return lines.flatMap { Array($0.utf8) + [0x0A] }
    }

    private func row(_ sensor: SensorDescription) -> [String] {
        [sensor.name, sensor.title, sensor.property, sensor.unitText ?? sensor.unitCode ?? "-", range(sensor.minimum, sensor.maximum),
         sensor.period.map { "\($0.text) s" } ?? "-", sensor.technique ?? "-"]
    }

    private func row(_ actuator: ActuatorDescription) -> [String] {
        var takes = actuator.isSwitch ? "on, off" : "\(range(actuator.minimum, actuator.maximum))\(actuator.unitText.map { " \($0)" } ?? "")"
        if !actuator.isSwitch, let step = actuator.step { takes += " in steps of \(step.text)" }
        if let hold = actuator.holdTime { takes += ", for \(hold.text) s" }
        let state = states.first { $0.actuator == actuator.name }?.state
        return [actuator.name, actuator.title, takes, actuator.safeValue.map { actuator.words($0) } ?? "-", state.map { $0.value.map { actuator.words($0) } ?? $0.fault ?? "-" } ?? "-"]
    }

    private func range(_ minimum: Decimal?, _ maximum: Decimal?) -> String { "\(minimum?.text ?? "")...\(maximum?.text ?? "")" }

    package var json: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("device", description.fingerprint.description)
        json.member("name", description.name)
        json.member("description", description.description)
        json.member("model", description.model)
        json.member("firmwareVersion", description.firmwareVersion)
        json.key("sensors")
        json.beginArray()
        for one in description.sensors { json.sensor(one) }
        json.endArray()
        json.key("actuators")
        json.beginArray()
        for one in description.actuators { json.actuator(one, states.first { $0.actuator == one.name }?.state) }
        json.endArray()
        json.endObject()
        return json.bytes + [0x0A]
    }
}

extension JSONWriter {
    fileprivate mutating func sensor(_ sensor: SensorDescription) {
        beginObject()
        member("name", sensor.name)
        member("title", sensor.title)
        member("property", sensor.property)
        member("measurementTechnique", sensor.technique)
        member("unitCode", sensor.unitCode)
        member("unitText", sensor.unitText)
        member("minValue", sensor.minimum)
        member("maxValue", sensor.maximum)
        member("decimals", sensor.decimals)
        member("period", sensor.period)
        member("batchSize", sensor.batchSize)
        endObject()
    }

    fileprivate mutating func actuator(_ actuator: ActuatorDescription, _ state: ActuatorState?) {
        beginObject()
        member("name", actuator.name)
        member("title", actuator.title)
        member("type", actuator.isSwitch ? "Switch" : "Level")
        member("unitCode", actuator.unitCode)
        member("unitText", actuator.unitText)
        member("minValue", actuator.minimum)
        member("maxValue", actuator.maximum)
        member("stepValue", actuator.step)
        member("safeValue", actuator.safeValue)
        member("holdTime", actuator.holdTime)
        if let state {
            member("value", state.value)
            member("fault", state.fault)
            member("date", state.date)
        }
        endObject()
    }
}

/// What an actuator is set to (docs/vocabulary.md, part 6).
package struct ActuatorState {
    package let actuator: String
    package let value: Decimal?
    package let fault: String?
    package let date: String?

    init(_ top: JSONObject, file: VerifiedFile) throws(JSONError) {
        try top.demand("@id", file.owner, file: file.name)
        actuator = try top.part("observationAbout", of: file.owner)
        value = try top.decimal("value")
        fault = try top.text("fault")
        date = try top.text("observationDate")
    }
}

extension Desk {
    /// What a device can do, from its own signed documents.
    package func sheet(_ fingerprint: Fingerprint) throws(CommandError) -> DeviceSheet {
        let device = try selection().device(fingerprint.description)
        guard let description = device.description else {
            throw CommandError(.noInput, "nothing that \(device.name) says of itself is here: it was never reached")
        }
        var states: [(actuator: String, state: ActuatorState)] = []
        for actuator in description.actuators {
            let name = "state-\(actuator.name).json.pgp"
            guard (try? Files.status(directory(of: device.fingerprint) + "/" + name)) != nil else { continue }
            switch try open(device.fingerprint, name).flatMap({ file in file.document { (top) throws(JSONError) in try ActuatorState(top, file: file) } }) {
            case .success(let state): states.append((actuator.name, state))
            case .failure(let problem): Desk.note("\(name) does not count: \(problem.reason)")
            }
        }
        return DeviceSheet(device: device, description: description, states: states)
    }
}
