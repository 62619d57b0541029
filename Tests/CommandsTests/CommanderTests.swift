@testable import Commands
import Foundation
import OpenPGP
import Readings
import System
import TestSupport
import Testing
import Vocabulary

/// docs/commands.md, parts 4 to 9.
@Suite struct CommanderTests {
    @Test func aCommandIsCarriedOutAndAnswered() throws {
        let bench = try Bench.started()
        let wish = bench.wish()
        let result = try #require(bench.command(wish))
        #expect(result.isCarriedOut)
        #expect(bench.control.values == [0: 1])
        let name = wish.identifier.answerName.text
        #expect(result.answer.hasPrefix("fingerprints:\(Sample.controller.description)\n"))
        #expect(result.answer.contains(#""actionStatus":"CompletedActionStatus""#) && result.answer.contains(#""result":{"@type":"PropertyValue","value":1}"#))
        #expect(result.answer == bench.backend.text(name))
        #expect(bench.backend.friendFiles.count == 1)
        #expect(bench.backend.text("state-led.json.pgp").hasPrefix("group:viewers\n"))
        #expect(bench.backend.text("state-led.json.pgp").contains(#""value":1"#))
        #expect(bench.backend.text("log-000000000001.json.pgp").hasPrefix("group:controllers\n"))
        #expect(bench.backend.text("log-000000000001.json.pgp").contains(wish.identifier.hexadecimal.text))
        #expect(bench.commander.isIdle)
        #expect(bench.commander.counters.completed == 1)
    }

    @Test func theRecordIsOnTheDiskBeforeTheActuatorMoves() throws {
        let bench = try Bench.started()
        let wish = bench.wish()
        let file = try LedgerFile(state: bench.state, worker: nil)
        var seen: LedgerRecord?
        bench.control.onSet = { seen = file.read().flatMap { LedgerContents($0) }?.records.last }
        bench.command(wish)
        #expect(seen?.outcome.identifier == wish.identifier)
        #expect(seen?.state == .begun)
    }

    @Test func aSecondOneGetsTheStoredAnswer() throws {
        let bench = try Bench.started()
        let wish = bench.wish()
        let first = try #require(bench.command(wish))
        bench.control.values = [:]
        // Other octets, the same signed text: a marker packet in front is enough.
        let second = try #require(bench.command(wish))
        #expect(second.isRepeated)
        #expect(second.answer == first.answer)
        #expect(bench.control.values.isEmpty)
        #expect(bench.backend.names("log-").count == 1)
    }

    @Test func theSameIdentifierOfSomebodyElseIsAConflict() throws {
        let bench = try Bench.started()
        bench.backend.controllers = [Sample.controller, Sample.other]
        let wish = bench.wish()
        bench.command(wish)
        let other = try #require(bench.command(wish, from: Sample.other))
        #expect(other.isConflict)
        // Nor does anybody but its controller get the answer when the ledger has forgotten whose it was.
        bench.backend.simulated.advance(seconds: 301)
        bench.command(bench.wish("heat"))
        #expect(bench.commander.ledger?.record(wish.identifier) == nil)
        #expect(try #require(bench.command(wish, from: Sample.other)).isConflict)
        #expect(try #require(bench.command(wish)).isRepeated)
    }

    @Test func whileItIsUnderWayTheSameIsBusy() throws {
        let bench = try Bench.started()
        let wish = bench.wish()
        bench.control.isHeld = true
        #expect(bench.command(wish) == nil)
        #expect(try #require(bench.command(wish)).isBusy)
        #expect(!bench.commander.isIdle)
        bench.control.release()
        bench.backend.run()
        #expect(try #require(bench.command(wish)).isRepeated)
        #expect(bench.commander.isIdle)
    }

    // MARK: Refusals

    private func expectRefused(_ error: String, _ bench: Bench, _ wish: Wish, from signer: Fingerprint = Sample.controller, at place: SourceLocation = #_sourceLocation) throws {
        let before = bench.control.values
        let result = try #require(bench.command(wish, from: signer), sourceLocation: place)
        #expect(result.error == error, sourceLocation: place)
        #expect(result.answer.contains(#""actionStatus":"FailedActionStatus""#), sourceLocation: place)
        #expect(bench.control.values == before, sourceLocation: place)
        #expect(bench.backend.friendFiles.isEmpty, sourceLocation: place)
        #expect(bench.backend.file(wish.identifier.answerName) != nil, sourceLocation: place)
        #expect(try #require(bench.command(wish, from: signer)).isRepeated, sourceLocation: place)
    }

    @Test func senderAndDeviceAndTarget() throws {
        let bench = try Bench.started()
        try expectRefused("not-controller", bench, bench.wish(), from: Sample.other)
        var wish = bench.wish()
        wish.device = Sample.other
        try expectRefused("wrong-device", bench, wish)
        try expectRefused("unknown-target", bench, bench.wish("lamp"))
    }

    @Test(arguments: ["2", "-1", "0.5", "1e300", "1.0000000001"])
    func switchLimits(_ value: String) throws {
        let bench = try Bench.started()
        try expectRefused("out-of-limits", bench, bench.wish("led", value))
    }

    @Test func levelLimits() throws {
        for value in ["-5.5", "30.5", "21.3", "21.25", "-5.0001", "3000000000000000000"] {
            let bench = try Bench.started()
            try expectRefused("out-of-limits", bench, bench.wish("heat", value))
        }
        for (value, expected) in [("-5", -50), ("30", 300), ("21.5", 215), ("0", 0), ("-0.5", -5)] as [(String, Int64)] {
            let bench = try Bench.started()
            #expect(try #require(bench.command(bench.wish("heat", value))).isCarriedOut)
            #expect(bench.control.values == [1: expected])
        }
    }

    @Test func timeWindow() throws {
        let window = Double(Bounds.commandWindow)
        for seconds in [window + 0.001, -window - 0.001, 1e9] {
            let bench = try Bench.started()
            bench.backend.simulated.advance(seconds: 1000)
            try expectRefused("outside-window", bench, bench.wish(after: seconds))
        }
        for seconds in [window, -window] {
            let bench = try Bench.started()
            bench.backend.simulated.advance(seconds: 1000)
            #expect(try #require(bench.command(bench.wish(after: seconds))).isCarriedOut, "\(seconds)")
        }
        let bench = try Bench.started()
        var wish = bench.wish(after: -10)
        wish.end = bench.now
        try expectRefused("expired", bench, wish)
        wish = bench.wish(after: -10)
        wish.end = bench.now + 0.001
        #expect(try #require(bench.command(wish)).isCarriedOut)
    }

    /// One that was refused because it came too early is not carried out later either.
    @Test func whatWasRefusedStaysRefused() throws {
        let bench = try Bench.started()
        let wish = bench.wish(after: 400)
        try expectRefused("outside-window", bench, wish)
        bench.backend.simulated.advance(seconds: 390)
        #expect(try #require(bench.command(wish)).isRepeated)
        // Not even when its answer is gone: the ledger remembers until its time is over.
        bench.backend.files = [:]
        #expect(try #require(bench.command(wish)).isRepeated)
        bench.backend.simulated.advance(seconds: 400)
        #expect(try #require(bench.command(wish)).error == "outside-window")
        #expect(bench.control.values.isEmpty)
    }

    @Test func orderOfOneControllerAndTarget() throws {
        let bench = try Bench.started()
        bench.backend.controllers.append(Sample.other)
        #expect(try #require(bench.command(bench.wish())).isCarriedOut)
        #expect(try #require(bench.command(bench.wish("led", "0"))).error == "reordered")
        #expect(try #require(bench.command(bench.wish("led", "0", after: -0.001))).error == "reordered")
        #expect(try #require(bench.command(bench.wish("heat", "5", after: -1))).isCarriedOut)
        #expect(try #require(bench.command(bench.wish("led", "0", after: -1), from: Sample.other)).isCarriedOut)
        #expect(try #require(bench.command(bench.wish("led", "1", after: 0.001))).isCarriedOut)
        // A refused one raises nothing.
        #expect(try #require(bench.command(bench.wish("led", "7", after: 5))).error == "out-of-limits")
        #expect(try #require(bench.command(bench.wish("led", "0", after: 0.002))).isCarriedOut)
    }

    @Test func theHighestStartTimeOutlivesTheRecord() throws {
        let bench = try Bench.started()
        let wish = bench.wish(after: 200)
        #expect(try #require(bench.command(wish)).isCarriedOut)
        bench.backend.simulated.advance(seconds: 501)
        bench.command(bench.wish("heat", "1"))
        #expect(bench.commander.ledger?.record(wish.identifier) == nil)
        bench.backend.simulated.advance(seconds: -400)
        #expect(try #require(bench.command(bench.wish("led", "0", after: 0))).error == "reordered")
    }

    // MARK: The clock

    @Test func withoutClockOnlyWithAChallenge() throws {
        let bench = try Bench.started()
        bench.backend.simulated.realtime = 0
        var wish = Wish(start: 1_900_000_000)
        try expectRefused("clock-not-set", bench, wish)
        wish = Wish(start: 1_900_000_001)
        wish.challenge = [UInt8](repeating: 7, count: 16)
        try expectRefused("clock-not-set", bench, wish)
        wish = Wish(start: 1_900_000_002)
        let challenge = try #require(bench.commander.challenge())
        wish.challenge = challenge
        let result = try #require(bench.command(wish))
        #expect(result.isCarriedOut)
        #expect(!result.answer.contains("endTime") && result.answer.contains(#""clockState":"clockUnset""#))
        // Used once.
        bench.backend.friendFiles = [:]
        wish = Wish(start: 1_900_000_003)
        wish.challenge = challenge
        try expectRefused("clock-not-set", bench, wish)
        // The order still counts, and so does an end.
        wish = Wish(start: 1_900_000_001.5)
        wish.challenge = bench.commander.challenge()
        try expectRefused("reordered", bench, wish)
        wish = Wish(start: 1_900_000_010, end: 1_900_000_020)
        wish.challenge = bench.commander.challenge()
        bench.backend.simulated.sinceBoot += 12 * nanosecondsPerSecond
        try expectRefused("expired", bench, wish)
    }

    /// What was not judged may come again as it is, with its challenge.
    @Test func aChallengeIsNotUsedUpByWhatWasNotJudged() throws {
        let bench = try Bench.started()
        #expect(try #require(bench.put(bench.file(bench.wish("heat", "1")), name: "taken.pgp")).isCarriedOut)
        bench.backend.simulated.realtime = 0
        var wish = Wish(start: 1_900_000_000)
        wish.challenge = bench.commander.challenge()
        let file = bench.file(wish, signed: 1_900_000_000)
        #expect(try #require(bench.put(file, name: "taken.pgp")).isConflict)
        withFaults({ $0 == "fsync" ? ErrorNumber.noSpace : 0 }) { #expect(bench.put(file)?.isBusy == true) }
        #expect(bench.control.values == [1: 10])
        #expect(try #require(bench.put(file)).isCarriedOut)
        // Used now, whatever a later one of that name is told.
        var next = Wish(target: "heat", start: 1_900_000_001)
        next.challenge = wish.challenge
        #expect(try #require(bench.put(bench.file(next), name: "taken.pgp")).error == "clock-not-set")
    }

    @Test func aChallengeOfTheProcessBeforeIsNone() throws {
        let bench = try Bench.started()
        bench.backend.simulated.realtime = 0
        var wish = Wish(start: 1_900_000_000)
        wish.challenge = bench.commander.challenge()
        let next = try Bench(after: bench)
        try next.start()
        try expectRefused("clock-not-set", next, wish)
    }

    // MARK: Files and places

    @Test func onlyFromTheOneItIsSaidToBeFrom() throws {
        let bench = try Bench.started()
        #expect(try #require(bench.put(bench.file(bench.wish(), from: Sample.other), from: Sample.controller)).isUnacceptable)
        #expect(try #require(bench.put(Sample.message(), from: Sample.controller)).isUnacceptable)
        #expect(try #require(bench.put(Sample.message([Sample.ownKey, .hidden]), from: Sample.controller)).isUnacceptable)
        let opens = bench.backend.events.count { $0 == "open" }
        let stranger = try #require(Fingerprint("1111111111111111111111111111111111111111"))
        #expect(try #require(bench.put(bench.file(bench.wish(), from: stranger), from: stranger)).isUnacceptable)
        #expect(bench.backend.events.count { $0 == "open" } == opens, "gpg was not asked")
        let message = Sample.message(content: [9])
        bench.backend.opened[message] = OpenedCommand(content: Array("hello".utf8), signer: Sample.controller, signatureTime: 0)
        #expect(try #require(bench.put(message)).isMalformed)
        #expect(bench.backend.files.isEmpty && bench.control.values.isEmpty)
    }

    @Test func aFileIsNeverReplaced() throws {
        let bench = try Bench.started()
        #expect(try #require(bench.put(bench.file(bench.wish()), name: "c.pgp")).isCarriedOut)
        let next = bench.wish("led", "0", after: 1)
        #expect(try #require(bench.put(bench.file(next), name: "c.pgp")).isConflict)
        #expect(bench.control.values == [0: 1])
        // Nothing of it is remembered: under another name it is carried out.
        #expect(try #require(bench.put(bench.file(next), name: "d.pgp")).isCarriedOut)
    }

    @Test func strangersComeOneAtATimeAndTwelveAMinute() throws {
        let bench = try Bench.started()
        var first = bench.commander.enter(isProven: false).place
        #expect(first != nil)
        #expect(bench.commander.enter(isProven: false).retryAfter == 1)
        first = nil
        var proven: [CommandPlace] = []
        while let place = bench.commander.enter(isProven: true).place { proven.append(place) }
        #expect(proven.count == Bounds.commandsAtOnce)
        #expect(bench.commander.enter(isProven: false) .retryAfter == 0, "no place: 503, not 429")
        proven = []
        for index in 0..<12 { #expect(try #require(bench.put(bench.file(bench.wish(after: Double(index) / 100)), isProven: false)).isCarriedOut) }
        #expect(try #require(bench.put(bench.file(bench.wish(after: 1)), isProven: false)).later == 60)
        #expect(try #require(bench.put(bench.file(bench.wish(after: 1)), isProven: true)).isCarriedOut)
        bench.backend.simulated.advance(seconds: 59)
        #expect(try #require(bench.put(bench.file(bench.wish(after: 1)), isProven: false)).later == 1)
        bench.backend.simulated.advance(seconds: 1)
        #expect(try #require(bench.put(bench.file(bench.wish(after: 1)), isProven: false)).isCarriedOut)
    }

    /// A message that keeps gpg busy for as long as it may: one a minute from all strangers together.
    @Test func whoKeepsGPGBusy() throws {
        let bench = try Bench.started()
        let message = Sample.message(content: [1, 2, 3])
        bench.backend.endless = [message]
        #expect(try #require(bench.put(message)).isUnacceptable)
        #expect(try #require(bench.put(bench.file(bench.wish()), isProven: false)).isCarriedOut, "a controller's does not close the gate")
        #expect(try #require(bench.put(message, isProven: false)).isUnacceptable)
        #expect(try #require(bench.put(bench.file(bench.wish(after: 1)), isProven: false)).later == 60)
        #expect(try #require(bench.put(bench.file(bench.wish(after: 1)))).isCarriedOut)
        bench.backend.simulated.advance(seconds: 60)
        #expect(try #require(bench.put(bench.file(bench.wish()), isProven: false)).isCarriedOut)
    }

    /// What comes by sync from a friend who is no controller is answered, as often as strangers are.
    @Test func byAnotherWay() throws {
        let bench = try Bench.started()
        func receive(_ wish: Wish, from signer: Fingerprint) -> CommandResult? {
            var result: CommandResult?
            bench.commander.receive(bench.file(wish, from: signer), from: signer, name: nil, place: nil) { result = $0 }
            bench.backend.run()
            return result
        }
        for _ in 0..<12 { #expect(try #require(receive(bench.wish(), from: Sample.other)).error == "not-controller") }
        #expect(try #require(receive(bench.wish(), from: Sample.other)).later == 60)
        for index in 0..<20 { #expect(try #require(receive(bench.wish(after: Double(index)), from: Sample.controller)).isCarriedOut) }
        #expect(bench.backend.friendFiles.isEmpty)
    }

    // MARK: What fails

    /// What is not judged when the node ends may come again to the next one.
    @Test func atTheEnd() throws {
        let bench = try Bench.started()
        let wish = bench.wish(), file = bench.file(wish)
        let place = bench.commander.enter(isProven: true).place
        var result: CommandResult?
        bench.commander.receive(file, from: Sample.controller, name: Array("c.pgp".utf8), place: place) { result = $0 }
        bench.commander.stop()
        #expect(!bench.commander.isIdle && bench.commander.enter(isProven: true).place == nil)
        bench.backend.run()
        #expect(try #require(result).isBusy && bench.commander.isIdle && bench.control.values.isEmpty)
        let next = try Bench(after: bench)
        try next.start()
        next.backend.simulated.advance(seconds: 1)
        #expect(try #require(next.command(next.wish())).isCarriedOut)
        #expect(try #require(bench.put(file)).isBusy)
    }

    @Test func anActuatorThatFails() throws {
        let bench = try Bench.started()
        bench.control.fails = true
        let wish = bench.wish()
        let result = try #require(bench.command(wish))
        #expect(result.error == "actuator-failed")
        #expect(try #require(bench.command(wish)).isRepeated)
        #expect(bench.backend.text("state-led.json.pgp").contains(#""fault":"sourceFailed""#))
    }

    @Test func anAnswerThatCannotBeStoredComesLater() throws {
        let bench = try Bench.started()
        bench.backend.storeFailures = [.noSpace, .noSpace, .noSpace]
        let wish = bench.wish()
        let result = try #require(bench.command(wish))
        #expect(result.isCarriedOut && result.answer.isEmpty)
        #expect(bench.backend.file(wish.identifier.answerName) == nil)
        #expect(try #require(bench.command(wish)).isBusy)
        bench.backend.simulated.advance(seconds: 31)
        try bench.loop.runOnce(wait: false)
        bench.backend.run()
        #expect(try #require(bench.command(wish)).isRepeated)
        #expect(bench.control.values == [0: 1])
        #expect(bench.commander.isIdle)
    }

    @Test func aLogThatCannotBeWrittenComesLater() throws {
        let bench = try Bench.started()
        bench.backend.failsLog = true
        let count = Bounds.logWaiting + 6
        for _ in 0..<count {
            bench.backend.simulated.advance(seconds: 1)
            #expect(try #require(bench.command(bench.wish())).isCarriedOut)
            try bench.loop.runOnce(wait: false)
            bench.backend.run()
        }
        #expect(bench.backend.names("log-").isEmpty && !bench.commander.isIdle)
        bench.backend.failsLog = false
        for _ in 0..<3 {
            bench.backend.simulated.advance(seconds: 31)
            try bench.loop.runOnce(wait: false)
            bench.backend.run()
        }
        let entries = bench.backend.names("log-").reduce(0) { $0 + bench.backend.text($1).components(separatedBy: "\"@type\":\"Answer\"").count - 1 }
        #expect(entries == count)
        #expect(bench.commander.isIdle)
    }

    @Test func answersAndLogAreBounded() throws {
        let bench = try Bench()
        for index in 1..<Bounds.answers {
            bench.backend.add(CommandIdentifier(high: 0, low: UInt64(index)).answerName)
            bench.backend.add(CommandLogDocument.fileName(UInt64(index)))
        }
        try bench.start()
        for _ in 0..<3 {
            bench.backend.simulated.advance(seconds: 1)
            #expect(try #require(bench.command(bench.wish())).isCarriedOut)
        }
        #expect(bench.backend.names("a-").count == Bounds.answers + 2 - Bounds.answers / 10)
        #expect(bench.backend.names("log-0").count == Bounds.logFiles + 2 - Bounds.logFiles / 10)
        #expect(bench.backend.files[CommandIdentifier(high: 0, low: 100).answerName.text] == nil)
        #expect(bench.backend.files[CommandIdentifier(high: 0, low: 101).answerName.text] != nil)
        #expect(bench.backend.text("log-checkpoint.json.pgp").contains(#""removedThrough":100"#))
        // The log is one chain.
        var previous: SHA256Sum?
        for name in bench.backend.names("log-0").suffix(4) {
            if let previous { #expect(bench.backend.text(name).contains(previous.hexadecimal.text), "\(name)") }
            previous = bench.backend.files[name]?.sum
        }
    }
}
