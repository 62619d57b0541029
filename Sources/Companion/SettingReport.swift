import JSON
import Node
import System

extension SettingOutcome {
    /// For a person: one line.
    package var text: [UInt8] {
        let asked = actuator.words(command.value)
        let line: String
        if let answer {
            let when = answer.endTime.map { " at \($0)" } ?? ""
            line = answer.isCompleted ? "\(actuator.name) = \(actuator.words(answer.result ?? command.value))\(when), signed by \(device.name) (\(device.fingerprint.description))"
                : "\(actuator.name) was not set to \(asked): \(answer.description ?? answer.error ?? "no reason is given"), signed by \(device.name) (\(device.fingerprint.description))"
        } else { line = "\(actuator.name) = \(asked): no answer yet; its identifier is \(command.identifier.hexadecimal.text)" }
        return printable(line) + [0x0A]
    }

    /// For a program: an object.
    package var json: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("device", device.fingerprint.description)
        json.member("deviceName", device.name)
        json.member("actuator", actuator.name)
        json.member("identifier", command.identifier.hexadecimal.text)
        json.member("value", command.value)
        json.member("startTime", Date.text(milliseconds: command.head.startTime))
        json.member("carrier", carrier.rawValue)
        json.member("actionStatus", answer.map { $0.isCompleted ? "CompletedActionStatus" : "FailedActionStatus" } ?? "PotentialActionStatus")
        json.member("result", answer?.result)
        json.member("error", answer?.error)
        json.member("description", answer?.description)
        json.member("endTime", answer?.endTime)
        json.endObject()
        return json.bytes + [0x0A]
    }

    /// How the program ends (docs/mau.md, "Exit codes").
    package var exitCode: ExitCode {
        guard let answer else { return .temporary }
        if answer.isCompleted { return .success }
        switch answer.error {
        case "not-controller": return .noPermission
        case "actuator-failed", "interrupted": return .inputOutput
        case "clock-not-set", "ledger-lost", "reordered", "expired": return .temporary
        default: return .dataError
        }
    }

    /// The sentence for standard error when it did not work.
    package var problem: Message? {
        guard let answer else { return "\(device.name) has not answered: it has to fetch the command within its window (5 minutes unless its board says otherwise)" }
        if answer.isCompleted { return nil }
        let reason: String = [answer.error, answer.description].compactMap { $0 }.joined(separator: ": ")
        return "\(device.name) did not set \(actuator.name): \(printable(reason))"
    }
}

extension Desk {
    /// The actuator that a person named. Devices are asked what they have when nothing here has that name.
    package func actuator(_ text: String) throws(CommandError) -> (device: KnownDevice, actuator: ActuatorDescription) {
        var selection = try selection()
        if let found = try selection.actuator(text) { return found }
        try refresh(candidates([text], in: selection))
        selection = try self.selection()
        if let found = try selection.actuator(text) { return found }
        let all = selection.devices.flatMap { device in (device.description?.actuators ?? []).map { "\(device.name)/\($0.name)" } }
        let known = all.isEmpty ? "no actuator of any device is known" : "known are \(all.joined(separator: ", "))"
        throw CommandError(.dataError, "there is no actuator \(text); \(known)")
    }
}
