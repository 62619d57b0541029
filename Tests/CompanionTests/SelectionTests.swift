import Node
import OpenPGP
import System
import Testing
@testable import Companion

/// docs/mau.md, "Naming things".
@Suite struct SelectionTests {
    private static let a = "19f1e8140ccff20e077c6e7807f5217e6e0e2e26", b = "19f1e8140dcff20e077c6e7807f5217e6e0e2e27", c = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"

    private func device(_ digits: String, friend: String, name: String? = nil, sensors: [String] = [], actuators: [String] = []) throws -> KnownDevice {
        let fingerprint = try #require(Fingerprint(digits))
        let description = name.map { DeviceDescription(fingerprint: fingerprint, name: $0, sensors: sensors, actuators: actuators) }
        return KnownDevice(fingerprint: fingerprint, friendName: friend, isFollowed: true, description: description)
    }

    private func all() throws -> Selection {
        Selection([
            try device(Self.a, friend: "Greenhouse", name: "Green house", sensors: ["air", "soil"], actuators: ["led", "pump"]),
            try device(Self.b, friend: "Cellar", name: "Cellar", sensors: ["air"], actuators: ["led"]),
            try device(Self.c, friend: "Ada"),
        ])
    }

    private func sentence(_ body: () throws(CommandError) -> Void) -> String? {
        do throws(CommandError) { try body() } catch { return error.message.text }
        return nil
    }

    @Test(arguments: ["Greenhouse", "greenhouse", "Green House", "19f1e8140c", "19F1E8140CCF", "mau:19f1e8140ccff20e077c6e7807f5217e6e0e2e26"])
    func aDeviceHasManyNames(_ text: String) throws {
        #expect(try all().device(text).fingerprint.description == Self.a)
    }

    @Test func digitsThatBeginTwoFingerprintsNameNeither() throws {
        let selection = try all()
        let sentence = sentence { () throws(CommandError) in _ = try selection.device("19f1e814") }
        #expect(sentence?.contains("Green house (19f1e8140ccff20e), Cellar (19f1e8140dcff20e)") == true)
    }

    @Test func sevenDigitsAreTooFew() throws {
        let selection = try all()
        #expect(sentence { () throws(CommandError) in _ = try selection.device("a62fd4d") } != nil)
        #expect(try selection.device("a62fd4d4").friendName == "Ada")
    }

    @Test func whatIsUnknownIsAnsweredWithWhatIsKnown() throws {
        let selection = try all()
        #expect(sentence { () throws(CommandError) in _ = try selection.device("attic") }?.contains("known are Green house") == true)
        #expect(sentence { () throws(CommandError) in _ = try Selection([]).device("attic") }?.contains("no friends yet") == true)
    }

    @Test(arguments: ["pump", "PUMP", "Title of pump", "greenhouse/pump", "mau:19f1e8140ccff20e077c6e7807f5217e6e0e2e26#pump"])
    func anActuatorHasManyNames(_ text: String) throws {
        let found = try #require(try all().actuator(text))
        #expect(found.actuator.name == "pump")
        #expect(found.device.fingerprint.description == Self.a)
    }

    @Test func whatTwoDevicesHaveNeedsTheDevice() throws {
        let selection = try all()
        #expect(sentence { () throws(CommandError) in _ = try selection.actuator("led") }?.contains("write DEVICE/led") == true)
        #expect(try selection.actuator("cellar/LED")?.device.friendName == "Cellar")
        #expect(sentence { () throws(CommandError) in _ = try selection.sensor("air") } != nil)
        #expect(try selection.sensor("soil")?.sensor.name == "soil")
        #expect(try selection.sensor("cellar/soil") == nil)
    }

    @Test func wordsBecomeValues() throws {
        let led = ActuatorDescription("led", isSwitch: true), level = ActuatorDescription("window", isSwitch: false, unitText: "%")
        #expect(try led.value("on") == .one)
        #expect(try led.value("OFF") == .zero)
        #expect(try led.value("1") == .one)
        #expect(try level.value("2.5") == Decimal(25, exponent: -1))
        #expect(try level.value("40 %") == Decimal(40))
        #expect(try level.value("40%") == Decimal(40))
        for (actuator, word) in [(led, "bright"), (level, "on"), (level, "%"), (level, "4 0")] {
            #expect(throws: CommandError.self) { try actuator.value(word) }
        }
    }

    @Test func valuesBecomeWords() {
        #expect(ActuatorDescription("led", isSwitch: true).words(.one) == "on")
        #expect(ActuatorDescription("window", isSwitch: false, unitText: "%").words(Decimal(25, exponent: -1)) == "2.5 %")
    }
}

extension DeviceDescription {
    init(fingerprint: Fingerprint, name: String, sensors: [String], actuators: [String]) {
        self.init(fingerprint: fingerprint, name: name, description: nil, model: nil, firmwareVersion: nil, sensors: sensors.map { SensorDescription($0) },
                  actuators: actuators.map { ActuatorDescription($0, isSwitch: true) })
    }
}

extension SensorDescription {
    init(_ name: String, unitText: String? = nil) {
        self.init(name: name, title: "Title of \(name)", property: "temperature", technique: nil, unitCode: nil, unitText: unitText, minimum: nil, maximum: nil,
                  decimals: nil, period: nil, batchSize: nil)
    }
}

extension ActuatorDescription {
    init(_ name: String, isSwitch: Bool, unitText: String? = nil) {
        self.init(name: name, title: "Title of \(name)", isSwitch: isSwitch, unitCode: nil, unitText: unitText, minimum: nil, maximum: nil, step: nil, safeValue: nil,
                  holdTime: nil)
    }
}
