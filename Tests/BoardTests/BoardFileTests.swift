@testable import Board
import Foundation
import JSON
import OpenPGP
import System
import TestSupport
import Testing

/// The source tree, wherever the tests run.
enum Repository {
    static let path = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }
    static func octets(_ name: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(fileURLWithPath: path + "/" + name))) }
    static let base = "Tests/Fixtures/board/base.json"
}

/// An entry of mistakes.json: what replaces what in base.json, and what is said of it. Tests/Vocabulary runs the same
/// list through the JSON Schema: `schema` is whether that finds the mistake too (nil: it is not a question for it).
struct Mistake: Decodable, CustomTestStringConvertible, Sendable {
    var mistake: String
    var replace: String
    var with: String
    var says: String
    var schema: Bool?
    var testDescription: String { mistake }

    static let all: [Mistake] = {
        let data = FileManager.default.contents(atPath: Repository.path + "/Tests/Fixtures/board/mistakes.json") ?? Data()
        return (try? JSONDecoder().decode([Mistake].self, from: data)) ?? []
    }()
}

private func sentence(_ text: String) -> String {
    do throws(JSONError) { _ = try Board(json: Array(text.utf8)) } catch { return error.description(file: "board.json").text }
    return "no error"
}

@Suite struct BoardFileTests {
    @Test func thereAreMistakes() { #expect(Mistake.all.count > 150) }

    @Test(arguments: Mistake.all)
    func mistakesAreSaidWithLineAndColumn(_ mistake: Mistake) throws {
        let base = String(decoding: try Repository.octets(Repository.base), as: UTF8.self)
        let range = try #require(base.range(of: mistake.replace))
        #expect(sentence(base.replacingCharacters(in: range, with: mistake.with)) == mistake.says)
    }

    @Test func everyKeyIsRead() throws {
        let board = try Board(json: Repository.octets(Repository.base))
        #expect(board.name == "Base" && board.model == "None" && board.quota == 1_048_576 && board.versionCount == 0 && board.versionOctets == 0)
        #expect(board.syncOctetsPerFriend == 1 && board.syncOctets == 0 && board.syncRate == 4096)
        let bluetooth = board.bluetooth
        #expect(!bluetooth.isEnabled && bluetooth.adapter == "hci1" && bluetooth.interval == 20 && bluetooth.transmitPower == -127 && bluetooth.switchesOn)
        let zone = board.sensors[0]
        #expect(zone.minimum == -400 && zone.maximum == 1250 && zone.decimals == 1 && zone.marginOfError == 5 && zone.deadBand == 1)
        #expect(zone.period == 100_000_000 && zone.batch == 1000 && zone.isOptional && zone.unitText == "°C" && zone.property == "temperature")
        #expect(zone.retention == Retention(count: 9000, days: 36500, octets: 4096))
        #expect(zone.audience == .fingerprints([Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!]))
        #expect(board.sensors[1].maximum == 100_000_000_000_000_000 && board.sensors[1].period == 86_400_000_000_000)
        guard case .industrialIO(let device, let channel, let conversion) = board.sensors[2].source else { Issue.record("no IIO"); return }
        #expect(device == "ads1115" && channel == "in_voltage0-voltage1")
        #expect(conversion == Conversion(scale: Decimal(1, exponent: -3), offset: Decimal(-15, exponent: -1)))
        guard case .gpioLine("gpiochip4", 1023, true, .pullDown) = board.sensors[7].source else { Issue.record("no line"); return }
        guard case .command(let arguments, 30, .none) = board.sensors[9].source else { Issue.record("no command"); return }
        #expect(arguments == ["/bin/echo", "", "1"])
        guard case .simulator(.square, low: -1500, high: 1500, cycleSeconds: 4) = board.sensors[10].source else { Issue.record("no simulator"); return }
        let window = board.actuators[1]
        #expect(window.minimum == -500 && window.maximum == 500 && window.step == 25 && window.safe == 100 && window.kind == .level)
    }

    @Test func defaultsAreThoseOfTheSchema() throws {
        let text = #"""
            {"name": "x", "sensors": [{"name": "s", "title": "S", "property": "count", "unitCode": "C62", "unitText": "1", "minimum": -1, "maximum": 1,
             "source": {"type": "simulator"}}], "actuators": [{"name": "a", "title": "A", "type": "switch", "source": {"type": "gpioLine", "line": 0}}]}
            """#
        let board = try Board(json: Array(text.utf8))
        let sensor = board.sensors[0], actuator = board.actuators[0]
        #expect(board.description.isEmpty && board.model.isEmpty && board.quota == 67_108_864 && board.versionCount == 16 && board.versionOctets == 8_388_608)
        #expect(board.syncOctetsPerFriend == 268_435_456 && board.syncOctets == 1_073_741_824 && board.syncRate == 16_777_216)
        #expect(sensor.decimals == 3 && sensor.minimum == -1000 && sensor.marginOfError == nil && sensor.period == 10_000_000_000 && sensor.batch == 6)
        #expect(sensor.deadBand == 0 && sensor.audience == .group("viewers") && !sensor.isOptional)
        #expect(sensor.retention == Retention(count: 1000, days: 30, octets: 8_388_608))
        guard case .simulator(.triangle, low: 0, high: 100_000, cycleSeconds: 60) = sensor.source else { Issue.record("not the default"); return }
        #expect(actuator.minimum == 0 && actuator.maximum == 1 && actuator.step == 1 && actuator.safe == 0 && actuator.decimals == 0)
        #expect(actuator.unitCode == "C62" && actuator.unitText.isEmpty && actuator.audience == .group("viewers"))
        guard case .gpioLine("gpiochip0", 0, false) = actuator.source else { Issue.record("not the default"); return }
    }

    @Test func periodsAreRoundedToMilliseconds() throws {
        let base = String(decoding: try Repository.octets(Repository.base), as: UTF8.self)
        let board = try Board(json: Array(base.replacingOccurrences(of: "\"period\": 0.1", with: "\"period\": 0.1005").utf8))
        #expect(board.sensors[0].period == 101_000_000)
    }

    @Test func everyBoardAndExampleParses() throws {
        var count = 0
        for board in try FileManager.default.contentsOfDirectory(atPath: Repository.path + "/boards") {
            let path = Repository.path + "/boards/" + board + "/board.json"
            guard FileManager.default.fileExists(atPath: path) else { continue }
            do throws(BoardError) { _ = try Board.load(path: path) } catch { Issue.record("\(error.description)") }
            count += 1
        }
        #expect(count >= 6)
        _ = try Board(json: Repository.octets("vocab/examples/board-greenhouse.json"))
    }

    @Test func aFileThatCannotBeReadIsNamed() throws {
        #expect { try Board.load(path: "/nonexistent/board.json") } throws: { error in
            let error = error as? BoardError
            return error?.exitCode == .noInput && error?.description.text.contains("/nonexistent/board.json") == true
        }
        #expect { try Board.load(path: "/dev/zero") } throws: { ($0 as? BoardError)?.exitCode == .configuration }
        #expect { try Board.load(path: Repository.path + "/Tests/Fixtures/board/mistakes.json") } throws: { error in
            let error = error as? BoardError
            return error?.exitCode == .configuration && error?.description.text.hasSuffix("mistakes.json:1:1: must be an object") == true
        }
    }

    /// Whatever is done to a board.json, the parser ends with a board or with a complaint inside the text.
    @Test func mutationsNeverCrash() throws {
        let base = try Repository.octets(Repository.base)
        var random = SeededGenerator(seed: 20_261_121)
        var valid = 0
        for _ in 0..<Mutations.count {
            let text = random.mutate(base)
            do throws(JSONError) { _ = try Board(json: text); valid += 1 } catch {
                #expect(error.position.line >= 1 && error.position.column >= 0 && error.position.line <= text.count + 1)
            }
        }
        #expect(valid > 0)
    }
}

enum Mutations {
    /// 5,000 in the everyday run; MAUD_FUZZ=100000 for a long one.
    static var count: Int { Int(ProcessInfo.processInfo.environment["MAUD_FUZZ"] ?? "") ?? 5000 }
}

extension SeededGenerator {
    private mutating func next(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// One to four changes: another octet, a removed or repeated piece, a mark of JSON, a cut.
    mutating func mutate(_ octets: [UInt8]) -> [UInt8] {
        var text = octets
        for _ in 0...next(4) where !text.isEmpty {
            let at = next(text.count), length = min(next(40) + 1, text.count - at)
            switch next(6) {
            case 0: text[at] = UInt8(next(256))
            case 1: text.removeSubrange(at..<at + length)
            case 2: text.insert(contentsOf: text[at..<at + length], at: next(text.count))
            case 3: text[at] = Array("{}[],:\"\\0-+.eE1tfn ".utf8)[next(19)]
            case 4: if next(20) == 0 { text.removeSubrange(at...) }
            default: for index in at..<at + length where (0x30...0x39).contains(text[index]) { text[index] = UInt8(0x30 + next(10)) }
            }
        }
        return text
    }
}
