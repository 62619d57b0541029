import Commands
import JSON
import OpenPGP
import System
import TestSupport
import Testing
@testable import Companion

/// Reading the documents of `vocab/examples`, which are what the firmware writes, octet for octet (docs/vocabulary.md).
@Suite struct DocumentTests {
    private let device = Fingerprint("0123456789abcdef0123456789abcdef01234567")

    private func file(_ example: String, name: String, owner: Fingerprint? = nil) throws -> VerifiedFile {
        let path = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/vocab/examples/\(example)"
        return VerifiedFile(owner: try #require(owner ?? device), name: name, content: try Files.read(path, limit: 1 << 20), sum: SHA256Sum(), time: 0, wasEncrypted: false)
    }

    private func description(_ example: String) throws -> DeviceDescription {
        let file = try file(example, name: DeviceDescription.fileName)
        return try file.document { (top) throws(JSONError) in try DeviceDescription(top, of: file.owner) }.get()
    }

    private func batch(_ file: VerifiedFile) throws -> ReadingBatch {
        try file.document { (top) throws(JSONError) in try ReadingBatch(top, file: file) }.get()
    }

    @Test func aDeviceSaysWhatItCanDo() throws {
        let greenhouse = try description("device-greenhouse.json")
        #expect(greenhouse.name == "Greenhouse \"north\"")
        #expect(greenhouse.sensors.count == 11)
        let air = try #require(greenhouse.sensors.first)
        #expect((air.name, air.title, air.unitText, air.period) == ("air", "Air temperature", "°C", Decimal(60)))
        let window = try #require(greenhouse.actuators.first { $0.name == "window" })
        #expect(!window.isSwitch)
        #expect((window.minimum, window.maximum, window.step, window.safeValue) == (.zero, Decimal(100), Decimal(25, exponent: -1), Decimal(10)))
        #expect(greenhouse.actuators.first { $0.name == "pump" }?.holdTime == Decimal(600))
    }

    @Test(arguments: ["device-greenhouse.json", "device-raspberry-pi-4.json", "device-simulator.json"])
    func everyBoardCanBeShown(_ example: String) throws {
        let description = try description(example)
        let known = KnownDevice(fingerprint: description.fingerprint, friendName: "x", isFollowed: true, description: description)
        let sheet = DeviceSheet(device: known, description: description, states: [])
        for sensor in description.sensors { #expect(sheet.text.text.contains("\n\(sensor.name) ")) }
        #expect(try JSONDocument(sheet.json, limit: 1 << 20).top.object().required("sensors").array().count == description.sensors.count)
    }

    @Test func aDocumentOfAnotherDeviceIsNone() throws {
        let other = try #require(Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5"))
        let stolen = try file("device-greenhouse.json", name: DeviceDescription.fileName, owner: other)
        #expect(throws: FileProblem.self) { try stolen.document { (top) throws(JSONError) in try DeviceDescription(top, of: other) }.get() }
        let renamed = try file("reading-batch.json", name: "r-air-000000000041.json.pgp")
        #expect(throws: FileProblem.self) { try batch(renamed) }
    }

    @Test func aBatchIsRead() throws {
        let batch = try batch(try file("reading-batch.json", name: "r-air-000000000042.json.pgp"))
        #expect((batch.sensor, batch.chain, batch.sequence, batch.property, batch.unitCode) == ("air", "air", 42, "temperature", "CEL"))
        #expect(!batch.isPublic)
        #expect(batch.marginOfError == Decimal(5, exponent: -1))
        #expect(batch.previous?.hexadecimal.text.hasPrefix("9f86d081") == true)
        #expect(batch.readings.map(\.value) == [Decimal(-325, exponent: -2), Decimal(-5, exponent: -2), nil, .zero])
        #expect(batch.readings.map { batch.words($0) } == ["-3.25 °C", "-0.05 °C", "timedOut", "0 °C"])
        #expect(batch.readings.first?.time == 1_795_257_320_000)
    }

    @Test func readingsOfAnUnsetClockHaveNoDate() throws {
        let file = try file("reading-batch-clock-unset.json", name: "")
        let id = try JSONDocument(file.content, limit: 1 << 20).top.object().requiredText("@id")
        let named = VerifiedFile(owner: file.owner, name: String(id.split(separator: "/").last ?? ""), content: file.content, sum: file.sum, time: 0, wasEncrypted: false)
        let batch = try batch(named)
        #expect(batch.readings.allSatisfy { $0.date == nil && $0.time == nil })
        let line = ReadingWriter(.csv).line(try #require(batch.readings.first), of: batch, deviceName: "Green, house").text
        #expect(line.contains(",\"Green, house\","))
        #expect(line.split(separator: ",", omittingEmptySubsequences: false).count == ReadingWriter.columns.count + 1)
    }

    @Test func namesFromOutsideControlNoTerminalInCSVEither() throws {
        let batch = try batch(try file("reading-batch.json", name: "r-air-000000000042.json.pgp"))
        let line = ReadingWriter(.csv).line(try #require(batch.readings.first), of: batch, deviceName: "x\u{1B}[2J")
        #expect(!line.contains(0x1B))
        #expect(line.text.contains(",x?[2J,"))
    }

    @Test func answersAreRead() throws {
        func answer(_ example: String) throws -> CommandAnswer {
            let file = try file(example, name: "")
            return try file.document { (top) throws(JSONError) in try CommandAnswer(top, device: file.owner) }.get()
        }
        let good = try answer("answer.json"), bad = try answer("answer-failed.json")
        #expect((good.isCompleted, good.result, good.target, good.error) == (true, .one, "led", nil))
        #expect((bad.isCompleted, bad.result, bad.error, bad.endTime) == (false, nil, "clock-not-set", nil))
        #expect(good.controller == "a62fd4d43e3fc83ec3bedef69c780921444be7d5")
    }

    @Test(arguments: [
        ("reading-batch.json", "r-air-000000000042.json.pgp", "air 0 °C (the last of 4)"), ("answer.json", "", "led = 1 completed"),
        ("answer-failed.json", "", "led = 7 failed: clock-not-set"), ("actuator-state.json", "state-led.json.pgp", "led is 1"),
        ("command-log.json", "log-000000000002.json.pgp", "led = 1 completed, led = 7 failed: clock-not-set"), ("checkpoint.json", "", "air: removed through 37"),
        ("command.json", "", "led = 1 asked of 0123456789abcdef"), ("device-greenhouse.json", "device.json.pgp", "Greenhouse \"north\": 11 sensors, 8 actuators"),
        ("command-add-controller.json", "", "AddController 3e4b69d8c6e598a4 asked of 0123456789abcdef"), ("answer-add-controller.json", "", "AddController 3e4b69d8c6e598a4 completed"),
        ("controllers.json", "controllers.json.pgp", "2 may command it"),
    ])
    func documentsAreToldInAFewWords(_ example: (String, String, String)) throws {
        #expect(Summary(try file(example.0, name: example.1)).text == example.2)
    }

    @Test func whatIsNoDocumentIsToldOfToo() throws {
        let owner = try #require(device)
        func summary(_ content: [UInt8]) -> String {
            Summary(VerifiedFile(owner: owner, name: "x.pgp", content: content, sum: SHA256Sum(), time: 0, wasEncrypted: false)).text
        }
        #expect(summary(Array("Good morning\nand more".utf8)) == "Good morning")
        #expect(summary([0xFF, 0xFE, 0x00]) == "3 octets")
        #expect(summary(Array("{\"@type\":\"SocialMediaPosting\",\"headline\":\"Hello\"}".utf8)) == "Hello")
        #expect(summary([]) == "")
    }

    @Test func aCommandIsWhatADeviceTakes() throws {
        let owner = try #require(device)
        let command = CommandDocument(device: owner, target: "window", value: Decimal(25, exponent: -1), startTime: 1_795_257_320_123, challenge: Array(0..<16))
        let read = try Command(command.octets)
        #expect(read.device == owner && read.target == Array("window".utf8) && read.startTime == 1_795_257_320_123)
        #expect(read.identifier == command.identifier)
        #expect(read.value?.value == 25 && read.value?.decimals == 1)
        #expect(read.challenge?.octets == Array(0..<16))
        #expect(CommandDocument(device: owner, target: "led", value: .one, startTime: 0).identifier != command.identifier)
    }

    @Test func theNewestBatchOfASensorIsTheNewestOfAnyOfItsChains() {
        let names = BatchNames(["r-air-000000000009.json.pgp", "r-air-000000000010.json.pgp", "r-air.0a1b2c3d-000000000002.json.pgp", "r-airy-000000000001.json.pgp", "device.json.pgp"])
        #expect(names.newest(ofSensor: "air") == ["r-air-000000000010.json.pgp", "r-air.0a1b2c3d-000000000002.json.pgp"])
        #expect(names.chains.map(\.chain) == ["air", "air.0a1b2c3d", "airy"])
    }
}
