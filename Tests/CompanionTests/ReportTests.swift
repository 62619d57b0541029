import JSON
import OpenPGP
import System
import Testing
@testable import Companion

/// What verbs tell, and how they end (docs/mau.md, parts 5, 6 and 8).
@Suite struct ReportTests {
    private func device() throws -> KnownDevice {
        KnownDevice(fingerprint: try #require(Fingerprint("0123456789abcdef0123456789abcdef01234567")), friendName: "Greenhouse", isFollowed: true, description: nil)
    }

    private func outcome(_ members: String?, value: Decimal = .one) throws -> SettingOutcome {
        let device = try device()
        let answer = try members.map { (members) throws in
            let text = "{\"device\":\"mau:\(device.fingerprint.description)\",\"identifier\":\"00\",\(members)}"
            return try CommandAnswer(JSONDocument(Array(text.utf8), limit: 4096).top.object(), device: device.fingerprint)
        }
        return SettingOutcome(device: device, actuator: ActuatorDescription("led", isSwitch: true), command: CommandDocument(device: device.fingerprint, target: "led", value: value, startTime: 0),
                              carrier: .put, answer: answer)
    }

    @Test func whatWasSetIsTold() throws {
        let outcome = try outcome("\"actionStatus\":\"CompletedActionStatus\",\"result\":{\"value\":1},\"endTime\":\"2026-11-21T10:35:20.371Z\"")
        #expect(outcome.text.text == "led = on at 2026-11-21T10:35:20.371Z, signed by Greenhouse (0123456789abcdef0123456789abcdef01234567)\n")
        #expect(outcome.exitCode == .success)
        #expect(outcome.problem == nil)
    }

    @Test(arguments: [
        ("not-controller", ExitCode.noPermission), ("actuator-failed", .inputOutput), ("interrupted", .inputOutput), ("clock-not-set", .temporary), ("ledger-lost", .temporary),
        ("reordered", .temporary), ("expired", .temporary), ("out-of-limits", .dataError), ("unknown-target", .dataError), ("wrong-device", .dataError), ("outside-window", .dataError),
    ])
    func everyReasonHasItsExitCode(_ reason: (String, ExitCode)) throws {
        let outcome = try outcome("\"actionStatus\":\"FailedActionStatus\",\"error\":\"\(reason.0)\",\"description\":\"So it is.\"")
        #expect(outcome.exitCode == reason.1)
        #expect(outcome.problem?.text == "Greenhouse did not set led: \(reason.0): So it is.")
    }

    @Test func whatHasNoAnswerMayStillGetOne() throws {
        let outcome = try outcome(nil)
        #expect(outcome.exitCode == .temporary)
        #expect(outcome.json.text.contains("\"actionStatus\":\"PotentialActionStatus\""))
        #expect(!outcome.json.text.contains("result"))
    }

    @Test func aReasonFromOutsideControlsNoTerminal() throws {
        let outcome = try outcome("\"actionStatus\":\"FailedActionStatus\",\"error\":\"x\",\"description\":\"\\u001b[2J\"")
        #expect(outcome.problem?.octets.contains(0x1B) == false)
        #expect(!outcome.text.contains(0x1B))
    }

    @Test func problemsAreNamedUnderTheTable() throws {
        let sum = SHA256Sum(of: [1])
        let links = [ChainLink(sequence: 1, state: .good(sum: sum, previous: nil)), ChainLink(sequence: 4, state: .bad("it is damaged"))]
        let chain = VerifiedChain(device: try device(), name: "air", verification: ChainVerification(links, checkpoint: nil, isPublic: true))
        let report = VerificationReport([chain])
        #expect(report.problems == 2)
        #expect(report.text.text.contains("air    2      1...4    NOT WHOLE"))
        #expect(report.text.text.contains("missing: Greenhouse air 2...3: "))
        #expect(report.text.text.contains("bad: Greenhouse air 4: it is damaged"))
        let first = try #require(try JSONDocument(report.json, limit: 4096).top.array()[0]).object()
        #expect(try first.required("isWhole").boolean() == false)
        #expect(try first.required("problems").array().count == 2)
    }

    @Test func aDeviceThatIsNoFriendIsSaidToBeNone() throws {
        let device = try device()
        let seen = DevicesOnNetwork(devices: [
            DeviceOnNetwork(fingerprint: device.fingerprint, name: nil, isFollowed: false, address: nil, presence: .silent, problem: "the connection failed"),
            DeviceOnNetwork(fingerprint: device.fingerprint, name: "Ada", isFollowed: false, address: nil, presence: .away, problem: nil),
        ])
        #expect(seen.table.text.contains("(not a friend)  0123456789abcdef0123456789abcdef01234567  -        silent: the connection failed"))
        #expect(seen.table.text.contains("away, not followed"))
    }
}
