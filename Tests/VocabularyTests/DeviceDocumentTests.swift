@testable import Board
import Foundation
import OpenPGP
import Testing
import Vocabulary

@Suite struct DeviceDocumentTests {
    private func simulator() -> Board {
        var temperature = Examples.sensor("temperature", title: "Simulated temperature", decimals: 3, minimum: -40_000, maximum: 85_000, marginOfError: 500, audience: .everyone)
        temperature.source = .simulator(.triangle, low: 18_000, high: 24_000, cycleSeconds: 60)
        var humidity = Examples.sensor("humidity", title: "Simulated humidity", decimals: 1, minimum: 0, maximum: 1000, marginOfError: nil, audience: .group("viewers"),
                                       property: "relativeHumidity", unitCode: "P1", unitText: "%")
        humidity.source = .simulator(.triangle, low: 350, high: 650, cycleSeconds: 120)
        let led = Actuator(
            name: "led", title: "Simulated LED", kind: .switching, minimum: 0, maximum: 1, step: 1, decimals: 0, unitCode: "C62", unitText: "",
            audience: .group("controllers"), safe: 0, source: .simulator)
        return Board(
            name: "Simulator", description: "A board without hardware, for tests and demonstrations.", model: "", sensors: [temperature, humidity],
            actuators: [led], quota: 1 << 26, versionCount: 16, versionOctets: 1 << 23)
    }

    @Test func theSimulator() throws {
        let octets = deviceDocument(board: simulator(), fingerprint: Examples.fingerprint, softwareVersion: "maud 0.1.0")
        #expect(try octets == Examples.octets("vocab/examples/device-simulator.json"))
    }

    /// Neither who reads a sensor nor where it is on the device is anyone's business (docs/vocabulary.md, clause 2.4).
    @Test func keepsToItself() {
        var board = simulator()
        board.sensors[0].source = .file(path: "/secret/path", .none)
        board.sensors[0].audience = .group("family")
        let text = String(decoding: deviceDocument(board: board, fingerprint: Examples.fingerprint, softwareVersion: "x"), as: UTF8.self)
        #expect(text.contains("\"measurementTechnique\":\"file\""))
        #expect(!text.contains("secret"))
        #expect(!text.contains("family"))
        #expect(!text.contains("viewers"))
    }

    /// A board with nothing attached still says what it is, and nothing empty.
    @Test func anEmptyBoard() throws {
        var board = simulator()
        board.sensors = []
        board.actuators = []
        board.description = ""
        let octets = deviceDocument(board: board, fingerprint: Examples.fingerprint, softwareVersion: "maud 0.1.0")
        let parsed = try #require(try JSONSerialization.jsonObject(with: Data(octets)) as? [String: Any])
        #expect(parsed.keys.sorted() == ["@context", "@id", "@type", "firmwareVersion", "identifier", "name", "vocabulary"])
    }
}
