import Board
import Foundation
import OpenPGP
import Testing
import Vocabulary

@Suite struct DeviceDocumentTests {
    /// From board.json to the published octets: what the Python tests check is what the firmware writes.
    @Test(arguments: [
        ("boards/simulator/board.json", "device-simulator"), ("boards/raspberry-pi-4/board.json", "device-raspberry-pi-4"),
        ("vocab/examples/board-greenhouse.json", "device-greenhouse"),
    ])
    func isTheExample(_ path: String, _ example: String) throws {
        let board = try Board.load(path: Examples.repository + "/" + path)
        let octets = deviceDocument(board: board, fingerprint: Examples.fingerprint, softwareVersion: "maud 0.1.0")
        #expect(try octets == Examples.octets("vocab/examples/\(example).json"))
    }

    /// docs/vocabulary.md, clause 2.4: neither who reads a sensor nor where it is on the device is anyone's business.
    @Test func keepsToItself() throws {
        let board = try Board.load(path: Examples.repository + "/vocab/examples/board-greenhouse.json")
        let text = String(decoding: deviceDocument(board: board, fingerprint: Examples.fingerprint, softwareVersion: "x"), as: UTF8.self)
        #expect(text.contains("\"measurementTechnique\":\"command\""))
        for secret in ["viewers", "controllers", "a62fd4d4", "/usr/local", "/run/water", "gpiochip", "bme280", "28-0316", "window-pwm"] { #expect(!text.contains(secret)) }
    }

    /// A board with nothing attached still says what it is, and nothing empty.
    @Test func anEmptyBoard() throws {
        let board = try Board(json: Array(#"{"name":"x"}"#.utf8))
        let octets = deviceDocument(board: board, fingerprint: Examples.fingerprint, softwareVersion: "maud 0.1.0")
        let parsed = try #require(try JSONSerialization.jsonObject(with: Data(octets)) as? [String: Any])
        #expect(parsed.keys.sorted() == ["@context", "@id", "@type", "firmwareVersion", "identifier", "name", "vocabulary"])
    }
}
