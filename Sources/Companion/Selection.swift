import Node
import OpenPGP
import System

/// A device that a person may name: a friend's key, and what the device says of itself.
package struct KnownDevice {
    package let fingerprint: Fingerprint
    /// The name in the friend's user id.
    package let friendName: String
    package let isFollowed: Bool
    package let description: DeviceDescription?

    package init(fingerprint: Fingerprint, friendName: String, isFollowed: Bool, description: DeviceDescription?) {
        self.fingerprint = fingerprint
        self.friendName = friendName
        self.isFollowed = isFollowed
        self.description = description
    }

    /// What it is called here.
    package var name: String { description?.name ?? friendName }

    /// Whether a person who wrote this can have meant it.
    func isMeant(by text: String) -> Bool {
        if friendName.lowercased() == text.lowercased() || name.lowercased() == text.lowercased() { return true }
        let digits = (text.hasPrefix("mau:") ? String(text.dropFirst(4)) : text).lowercased()
        return digits.count >= KnownDevice.leastDigits && fingerprint.description.hasPrefix(digits)
    }

    /// With fewer digits anybody could make a key that has them.
    static let leastDigits = 8

    /// For lists of candidates.
    var label: String { "\(name) (\(fingerprint.description.prefix(16)))" }
}

/// Finds what a person named: a device, or a sensor or an actuator of one. Names count in either case; what is named must be one thing.
package struct Selection {
    package let devices: [KnownDevice]

    package init(_ devices: [KnownDevice]) { self.devices = devices }

    /// Those whose files are kept here.
    package var followed: [KnownDevice] { devices.filter(\.isFollowed) }

    /// The device with this name, or whose fingerprint begins so.
    package func device(_ text: String) throws(CommandError) -> KnownDevice {
        let found = devices.filter { $0.isMeant(by: text) }
        if found.count == 1, let one = found.first { return one }
        if found.isEmpty {
            let known = devices.isEmpty ? "there are no friends yet: mau friend add KEYFILE" : "known are \(list(devices.map(\.label)))"
            throw CommandError(.dataError, "there is no device \(text); \(known)")
        }
        throw CommandError(.dataError, "\(text) may be \(list(found.map(\.label))): give more of the fingerprint")
    }

    /// `NAME`, `DEVICE/NAME` or `mau:FINGERPRINT#NAME`: the devices in question, and the name.
    private func split(_ text: String) throws(CommandError) -> (devices: [KnownDevice], name: String) {
        let separator: Character = text.hasPrefix("mau:") ? "#" : "/"
        guard let position = text.lastIndex(of: separator) else { return (devices, text) }
        return ([try device(String(text[..<position]))], String(text[text.index(after: position)...]))
    }

    private func isCalled(_ name: String, _ title: String, _ text: String) -> Bool {
        name == text.lowercased() || title.lowercased() == text.lowercased()
    }

    /// The sensor with this name; nil when no device has one.
    package func sensor(_ text: String) throws(CommandError) -> (device: KnownDevice, sensor: SensorDescription)? {
        let (devices, name) = try split(text)
        var found: [(device: KnownDevice, sensor: SensorDescription)] = []
        for device in devices { for sensor in device.description?.sensors ?? [] where isCalled(sensor.name, sensor.title, name) { found.append((device, sensor)) } }
        if found.count > 1 { throw CommandError(.dataError, "\(text) may be \(list(found.map { "\($0.device.label)/\($0.sensor.name)" })): write DEVICE/\(name)") }
        return found.first
    }

    /// The actuator with this name; nil when no device has one.
    package func actuator(_ text: String) throws(CommandError) -> (device: KnownDevice, actuator: ActuatorDescription)? {
        let (devices, name) = try split(text)
        var found: [(device: KnownDevice, actuator: ActuatorDescription)] = []
        for device in devices { for actuator in device.description?.actuators ?? [] where isCalled(actuator.name, actuator.title, name) { found.append((device, actuator)) } }
        if found.count > 1 { throw CommandError(.dataError, "\(text) may be \(list(found.map { "\($0.device.label)/\($0.actuator.name)" })): write DEVICE/\(name)") }
        return found.first
    }

    private func list(_ names: [String]) -> String { names.joined(separator: ", ") }
}
