import JSON
import OpenPGP
import System

/// What a content file says, in a few words: any file of any program, known documents in more detail.
package struct Summary {
    package let type: String?
    package let text: String

    package init(_ file: VerifiedFile) {
        guard let top = try? JSONDocument(file.content, limit: Bounds.documentSize).top.object() else {
            type = nil
            text = Summary.plain(file.content)
            return
        }
        type = top.types.last
        text = (try? Summary.words(top, file)) ?? top.types.joined(separator: ", ")
    }

    private static func words(_ top: JSONObject, _ file: VerifiedFile) throws(JSONError) -> String {
        switch top.types.contains("Answer") ? "Answer" : top.types.last {
        case "ReadingBatch": return try reading(ReadingBatch(top, file: file))
        case "Answer": return try answer(CommandAnswer(top, device: file.owner))
        case "Command": return try command(top)
        case "AddController", "RemoveController", "HandOver", "RenewKey":
            let key = try top.required("object").object().requiredText("identifier").prefix(16)
            return "\(top.types.last ?? "") \(key) asked of \(try top.requiredText("device").dropFirst(4).prefix(16))"
        case "ControllerList": return "\(try top.required("controller").array().count) may command it"
        case "ActuatorState":
            let state = try ActuatorState(top, file: file)
            return "\(state.actuator) is \(state.value?.text ?? state.fault ?? "unknown")"
        case "CommandLog": return try CommandLog(top, file: file).entries.map(answer).joined(separator: ", ")
        case "Checkpoint": return "\(try top.requiredText("chain")): removed through \(try top.sequence("removedThrough"))"
        case "LogCheckpoint": return "log: removed through \(try top.sequence("removedThrough"))"
        case "Device":
            let device = try DeviceDescription(top, of: file.owner)
            return "\(device.name): \(device.sensors.count) sensors, \(device.actuators.count) actuators"
        default: return try other(top)
        }
    }

    private static func reading(_ batch: ReadingBatch) -> String {
        guard let last = batch.readings.last else { return "\(batch.sensor): no readings" }
        return "\(batch.sensor) \(batch.words(last))" + (batch.readings.count > 1 ? " (the last of \(batch.readings.count))" : "")
    }

    private static func answer(_ answer: CommandAnswer) -> String {
        let what = "\(answer.target ?? "a command")\((answer.result ?? answer.value).map { " = \($0.text)" } ?? "")"
        return answer.isCompleted ? "\(what) completed" : "\(what) failed: \(answer.error ?? "no reason")"
    }

    private static func command(_ top: JSONObject) throws(JSONError) -> String {
        let object = try top.required("object").object()
        let target = try object.requiredText("propertyID").drop { $0 != "#" }.dropFirst()
        return "\(target) = \(try object.decimal("value")?.text ?? "?") asked of \(try top.requiredText("device").dropFirst(4).prefix(16))"
    }

    /// A document of another program: what schema.org calls it.
    private static func other(_ top: JSONObject) throws(JSONError) -> String {
        for key: StaticString in ["headline", "articleBody", "text", "name", "description"] {
            if let value = top[key], value.kind == .string { return plain(try value.string()) }
        }
        if top["@graph"] != nil { return "a vocabulary" }
        return top.types.isEmpty ? "JSON" : top.types.joined(separator: ", ")
    }

    /// The beginning of a text; of anything else how much there is.
    private static func plain(_ content: [UInt8]) -> String {
        guard let text = String(validating: content, as: UTF8.self) else { return "\(content.count) octets" }
        let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        return line.count > 60 ? line.prefix(59) + "…" : line
    }
}
