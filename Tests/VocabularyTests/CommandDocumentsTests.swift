import Board
import OpenPGP
import System
import Testing
import Vocabulary

@Suite struct CommandDocumentsTests {
    private let controller = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
    private let start: Int64 = 1_795_257_320_123
    private let end: Int64 = 1_795_257_320_371_000_000

    private func completed() throws -> CommandOutcome {
        CommandOutcome(identifier: try #require(CommandIdentifier(hexadecimal: "00112233445566778899aabbccddeeff".utf8)), controller: controller, target: Array("led".utf8),
                       value: ActuatorValue(1, decimals: 0), startTime: start, error: nil, endTime: end, sinceBoot: 3_600_250_000_000, bootID: Examples.bootID)
    }

    private func failed() throws -> CommandOutcome {
        CommandOutcome(identifier: try #require(CommandIdentifier(hexadecimal: "ffeeddccbbaa99887766554433221100".utf8)), controller: controller, target: Array("led".utf8),
                       value: ActuatorValue(7, decimals: 0), startTime: start, error: .clockNotSet, endTime: nil, sinceBoot: 12_500_000_000, bootID: Examples.bootID)
    }

    @Test func answers() throws {
        #expect(try completed().answer(device: Examples.fingerprint) == Examples.octets("vocab/examples/answer.json"))
        #expect(try failed().answer(device: Examples.fingerprint) == Examples.octets("vocab/examples/answer-failed.json"))
    }

    @Test func state() throws {
        let board = try Board(json: Array(#"{"name":"x","actuators":[{"name":"led","title":"LED","type":"switch","source":{"type":"simulator"}}]}"#.utf8))
        let document = ActuatorStateDocument(fingerprint: Examples.fingerprint, actuator: board.actuators[0], value: 1, bootID: Examples.bootID, sinceBoot: 3_600_250_000_000, time: end)
        #expect(try document.octets == Examples.octets("vocab/examples/actuator-state.json"))
        let unknown = ActuatorStateDocument(fingerprint: Examples.fingerprint, actuator: board.actuators[0], value: nil, bootID: Examples.bootID, sinceBoot: 0, time: nil).octets.text
        #expect(unknown.contains(#""fault":"sourceFailed""#) && !unknown.contains("observationDate") && !unknown.contains(#""value""#))
    }

    @Test func log() throws {
        let previous = try #require(SHA256Sum(hexadecimal: Examples.previous.utf8))
        let log = CommandLogDocument.octets(fingerprint: Examples.fingerprint, sequence: 2, previous: previous, audience: .group("controllers"), entries: [try completed(), try failed()])
        #expect(try log == Examples.octets("vocab/examples/command-log.json"))
        let checkpoint = LogCheckpointDocument.octets(fingerprint: Examples.fingerprint, audience: .group("controllers"), removedThrough: 100, removedThroughSum: previous,
                                                      modified: 1_795_257_600_000_000_000)
        #expect(try checkpoint == Examples.octets("vocab/examples/log-checkpoint.json"))
    }

    @Test func names() throws {
        let identifier = try completed().identifier
        #expect(identifier.answerName.text == "a-00112233445566778899aabbccddeeff.json.pgp")
        #expect(CommandIdentifier(answerName: identifier.answerName) == identifier)
        for name in ["a-00112233445566778899AABBCCDDEEFF.json.pgp", "a-00112233445566778899aabbccddeef.json.pgp", "b-00112233445566778899aabbccddeeff.json.pgp",
                     "a-00112233445566778899aabbccddeeff.json.pg", ""] {
            #expect(CommandIdentifier(answerName: Array(name.utf8)) == nil, "\(name)")
        }
        #expect(CommandLogDocument.sequence(ofName: CommandLogDocument.fileName(42)) == 42)
        for name in ["log-000000000000.json.pgp", "log-00000000001.json.pgp", "log-00000000000a.json.pgp", "log-checkpoint.json.pgp"] {
            #expect(CommandLogDocument.sequence(ofName: Array(name.utf8)) == nil, "\(name)")
        }
    }

    @Test func changesOfControllers() throws {
        let gina = try #require(Fingerprint("3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c")), alice = try #require(Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5"))
        let identifier = try #require(CommandIdentifier(hexadecimal: Array("0f1e2d3c4b5a69788796a5b4c3d2e1f0".utf8)))
        let completed = try completed()
        let outcome = CommandOutcome(identifier: identifier, controller: alice, kind: .addController, target: gina.hexadecimal, value: nil, startTime: completed.startTime, error: nil,
                                     endTime: completed.endTime, sinceBoot: completed.sinceBoot, bootID: Examples.bootID)
        #expect(try outcome.answer(device: Examples.fingerprint) == Examples.octets("vocab/examples/answer-add-controller.json"))
        #expect(try ControllerListDocument.octets(fingerprint: Examples.fingerprint, controllers: [gina, alice]) == Examples.octets("vocab/examples/controllers.json"))
    }

    /// Every type of command is a class of the vocabulary, and has one name.
    @Test func everyKindIsAClass() throws {
        let vocabulary = try vocabularyDocument().text
        for number in 0...CommandKind.renewKey.rawValue {
            let kind = try #require(CommandKind(rawValue: number))
            #expect(CommandKind(term: Array<UInt8>(kind.term)) == kind)
            #expect(vocabulary.contains("\"@id\":\"maud:\(kind.term)\",\"@type\":\"rdfs:Class\""), "\(kind.term)")
        }
        #expect(CommandKind(term: Array("Answer".utf8)) == nil && CommandKind(term: []) == nil)
    }

    /// Every reason is a term of the vocabulary.
    @Test func everyReasonIsATerm() throws {
        let vocabulary = try vocabularyDocument().text
        var number: UInt8 = 1
        while let fault = CommandFault(rawValue: number) {
            #expect(vocabulary.contains("\"@id\":\"maud:\(fault.term)\",\"@type\":\"maud:CommandFault\""), "\(fault.term)")
            number += 1
        }
        #expect(number == 21)
    }
}
