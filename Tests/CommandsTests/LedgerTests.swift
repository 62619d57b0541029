@testable import Commands
import CLinux
import OpenPGP
import Readings
import System
import TestSupport
import Testing
import Vocabulary

/// docs/commands.md, part 7.
@Suite(.serialized) struct LedgerTests {
    private func outcome(_ number: UInt64, error: CommandFault? = nil, endTime: Int64? = 5) -> CommandOutcome {
        CommandOutcome(identifier: CommandIdentifier(high: number, low: ~number), controller: Sample.controller, target: Array("led".utf8), value: ActuatorValue(-15, decimals: 1),
                       startTime: 1_800_000_000_123, error: error, endTime: endTime, sinceBoot: 77, bootID: Sample.bootID)
    }

    @Test func whatIsWrittenIsRead() throws {
        for loss in [LedgerLoss.none, .at(5), .whileUnset] {
            var contents = LedgerContents()
            contents.loss = loss
            var record = LedgerRecord(outcome(1), state: .begun, keepUntil: 9)
            contents.records.append(record)
            record = LedgerRecord(outcome(2, error: .outOfLimits, endTime: nil), state: .ended, keepUntil: -1)
            record.isLogged = true
            contents.records.append(record)
            contents.highest = [HighestStart(controller: Sample.other, target: Array("heat".utf8), startTime: 42)]
            let read = try #require(LedgerContents(contents.octets))
            #expect(read.octets == contents.octets)
            #expect(read.loss == loss)
            #expect(read.records[0].state == .begun && read.records[0].outcome.value == ActuatorValue(-15, decimals: 1) && read.records[0].outcome.endTime == 5)
            #expect(read.records[1].outcome.error == .outOfLimits && read.records[1].isLogged && !read.records[1].isAnswered && read.records[1].outcome.endTime == nil)
            #expect(read.highest[0].startTime == 42)
        }
    }

    @Test func everyDamageIsNoticed() {
        var contents = LedgerContents()
        contents.records = [LedgerRecord(outcome(1), state: .ended, keepUntil: 9)]
        let octets = contents.octets
        for index in octets.indices {
            var damaged = octets
            damaged[index] ^= 0x10
            #expect(LedgerContents(damaged) == nil, "\(index)")
            #expect(LedgerContents(Array(octets[..<index])) == nil, "\(index)")
        }
        #expect(LedgerContents(octets + [0]) == nil)
    }

    @Test func aFullLedgerFitsItsFile() {
        var contents = LedgerContents()
        for number in 0..<Bounds.ledgerRecords { contents.records.append(LedgerRecord(outcome(UInt64(number)), state: .ended, keepUntil: 0)) }
        for _ in 0..<Bounds.ledgerHighest { contents.highest.append(HighestStart(controller: Sample.other, target: [UInt8](repeating: 0x61, count: 32), startTime: 1)) }
        #expect(LedgerContents(contents.octets)?.records.count == Bounds.ledgerRecords)
    }

    @Test func bounds() {
        let ledger = Ledger(nil, now: 0) { _, done in done(nil) }
        for number in 0..<Bounds.ledgerRecords { #expect(ledger.add(LedgerRecord(outcome(UInt64(number)), state: .begun, keepUntil: 0))) }
        #expect(!ledger.add(LedgerRecord(outcome(1000), state: .begun, keepUntil: 0)))
        ledger.change(outcome(7).identifier) { $0.state = .ended }
        #expect(ledger.add(LedgerRecord(outcome(1000), state: .begun, keepUntil: 0)))
        #expect(ledger.record(outcome(7).identifier) == nil && ledger.count == Bounds.ledgerRecords)
        for number in 0..<(Bounds.ledgerHighest + 5) { ledger.raise(Sample.controller, Array("\(number)".utf8), to: Int64(1000 + number)) }
        #expect(ledger.highestStart(Sample.controller, Array("4".utf8)) == nil)
        #expect(ledger.highestStart(Sample.controller, Array("5".utf8)) == 1005)
        // What has gone is not taken for new when the clock goes back.
        #expect(ledger.isForgotten(startTime: 1004, signatureTime: 5000) && !ledger.isForgotten(startTime: 1005, signatureTime: 5000))
    }

    /// The record of one command cannot be written while that of a later one waits: only the first was never begun.
    @Test func theOrderOutlivesACommandThatWasNotBegun() throws {
        var written: [[UInt8]] = [], done: [(SystemError?) -> Void] = []
        let ledger = Ledger(nil, isFirst: true, now: 0) { written.append($0); done.append($1) }
        func begin(_ number: UInt64) {
            let first = outcome(number)
            let outcome = CommandOutcome(identifier: first.identifier, controller: first.controller, target: first.target, value: first.value, startTime: Int64(number), error: nil,
                                         endTime: nil, sinceBoot: 0, bootID: first.bootID)
            #expect(ledger.add(LedgerRecord(outcome, state: .begun, keepUntil: 0)))
            ledger.save { if $0 != nil { ledger.remove(outcome.identifier) } else { ledger.raise(outcome.controller, outcome.target, to: outcome.startTime) } }
        }
        begin(1)
        begin(2)
        #expect(ledger.highestStart(Sample.controller, Array("led".utf8)) == 2)
        done[0](SystemError(code: ErrorNumber.noSpace, call: "write"))
        #expect(ledger.highestStart(Sample.controller, Array("led".utf8)) == 2)
        begin(3)
        done[1](nil)
        done[2](SystemError(code: ErrorNumber.noSpace, call: "write"))
        #expect(ledger.highestStart(Sample.controller, Array("led".utf8)) == 2)
        // After a restart the one that was begun counts.
        let next = Ledger(written[1], now: 0) { _, _ in }
        #expect(next.finding == .whole && next.highestStart(Sample.controller, Array("led".utf8)) == 2)
        next.change(outcome(2).identifier) { $0.state = .ended }
        #expect(next.highestStart(Sample.controller, Array("led".utf8)) == 2)
    }

    // MARK: Loss

    @Test func aLostLedgerRefusesWhatWasSignedBefore() throws {
        let bench = try Bench.started()
        let before = bench.wish()
        let old = bench.file(before)
        #expect(try #require(bench.command(bench.wish("heat", "1"))).isCarriedOut)
        try Files.remove(bench.state + "/ledger")
        bench.backend.simulated.advance(seconds: 5)
        let next = try Bench(after: bench)
        try next.start()
        #expect(try #require(next.put(old)).error == "ledger-lost")
        // Signed again, but a second too early by its own word.
        #expect(try #require(next.command(next.wish(after: -1))).error == "ledger-lost")
        // Signed before, for later.
        let late = next.file(next.wish(after: 20), signed: next.now - 2)
        #expect(try #require(next.put(late)).error == "ledger-lost")
        #expect(try #require(next.command(next.wish(after: 1))).isCarriedOut)
        // The loss is remembered.
        let third = try Bench(after: next)
        try third.start()
        #expect(try #require(third.put(third.file(third.wish("heat", "2", after: -2)))).error == "ledger-lost")
        #expect(third.commander.ledger?.finding == .whole)
    }

    @Test func atTheFirstStartNothingIsLost() throws {
        let bench = try Bench()
        try bench.start(isFirst: true)
        #expect(bench.commander.ledger?.finding == .new)
        #expect(try #require(bench.command(bench.wish(after: -100))).isCarriedOut)
        try Files.write([1, 2, 3], to: bench.state + "/ledger")
        let next = try Bench(after: bench)
        try next.start(isFirst: true)
        #expect(next.commander.ledger?.finding == .lost)
    }

    @Test func aDamagedLedgerIsALostOne() throws {
        let bench = try Bench.started()
        bench.command(bench.wish())
        try Files.write([1, 2, 3], to: bench.state + "/ledger")
        let next = try Bench(after: bench)
        try next.start()
        #expect(next.commander.ledger?.finding == .lost)
        #expect(try #require(next.command(next.wish("heat", "1", after: -1))).error == "ledger-lost")
    }

    /// An executed command whose ledger is gone is still known by its answer, however fast its sender's clock runs.
    @Test func theAnswerStandsInForTheLedger() throws {
        let bench = try Bench.started()
        let wish = bench.wish(after: 250)
        #expect(try #require(bench.put(bench.file(wish, signed: bench.now + 250))).isCarriedOut)
        try Files.remove(bench.state + "/ledger")
        let next = try Bench(after: bench)
        try next.start()
        #expect(try #require(next.put(next.file(wish, signed: next.now + 250))).isRepeated)
        #expect(next.control.values.isEmpty)
    }

    @Test func aLossSeenWithoutClockLastsUntilTheClockIsSet() throws {
        let bench = try Bench()
        let realtime = bench.backend.simulated.realtime
        bench.backend.simulated.realtime = 0
        try bench.start()
        // A challenge is fresh by itself.
        var wish = Wish(target: "heat", start: 1_900_000_000)
        wish.challenge = bench.commander.challenge()
        #expect(try #require(bench.command(wish)).isCarriedOut)
        bench.backend.simulated.realtime = realtime + 100 * nanosecondsPerSecond
        #expect(try #require(bench.command(bench.wish("led", "1", after: -1))).error == "ledger-lost")
        bench.backend.simulated.advance(seconds: 1)
        #expect(try #require(bench.command(bench.wish())).isCarriedOut)
    }

    /// The moment is when the clock became set, not when the first command came after that.
    @Test func aLossSeenWithoutClockCountsFromWhenItWasSet() throws {
        let bench = try Bench()
        let realtime = bench.backend.simulated.realtime
        bench.backend.simulated.realtime = 0
        try bench.start()
        bench.backend.simulated.realtime = realtime
        bench.commander.clockChanged()
        let old = bench.file(bench.wish("led", "1", after: -1)), new = bench.file(bench.wish("heat", "1"))
        bench.backend.simulated.advance(seconds: 10)
        #expect(try #require(bench.put(old)).error == "ledger-lost")
        #expect(try #require(bench.put(new)).isCarriedOut)
        // Nobody said so: at the next start it is certain.
        let other = try Bench()
        other.backend.simulated.realtime = 0
        try other.start()
        other.backend.simulated.realtime = realtime
        let next = try Bench(after: other)
        try next.start()
        let later = next.file(next.wish())
        next.backend.simulated.advance(seconds: 10)
        #expect(try #require(next.put(later)).isCarriedOut)
    }

    // MARK: Power cuts

    @Test func whatWasBegunIsAnsweredInterruptedAndNeverRunAgain() throws {
        let bench = try Bench.started()
        let wish = bench.wish()
        let file = bench.file(wish)
        bench.control.isHeld = true
        #expect(bench.put(file) == nil)
        // The power goes while the actuator is being set.
        let next = try Bench(after: bench)
        try next.start()
        #expect(next.backend.text(wish.identifier.answerName.text).contains(#""error":"interrupted""#))
        #expect(next.backend.text("log-000000000001.json.pgp").contains(#""error":"interrupted""#))
        #expect(try #require(next.put(file)).isRepeated)
        #expect(try #require(next.command(next.wish("led", "1"))).error == "reordered")
        #expect(next.control.values.isEmpty)
        let third = try Bench(after: next)
        try third.start()
        #expect(third.backend.names("log-").count == 2, "of the one interrupted and the one reordered")
    }

    /// The power goes after each step of a command in turn: it was carried out at most once, and is answered in the end.
    @Test func whereverThePowerGoes() throws {
        for steps in 0..<40 {
            let bench = try Bench.started()
            let wish = bench.wish(), file = bench.file(wish)
            var runs = 0
            bench.control.onSet = { runs += 1 }
            let (place, _) = bench.commander.enter(isProven: true)
            bench.commander.receive(file, from: Sample.controller, name: Array("c.pgp".utf8), place: place) { _ in }
            var taken = 0
            while taken < steps, bench.backend.step() { taken += 1 }
            let next = try Bench(after: bench)
            next.backend.dropQueue()
            next.control.onSet = { runs += 1 }
            try next.start()
            next.put(file, name: "d.pgp")
            #expect(runs == 1, "after \(steps) steps")
            let answer = next.backend.text(wish.identifier.answerName.text)
            #expect(answer.contains("CompletedActionStatus") || answer.contains("interrupted"), "after \(steps) steps")
            #expect(next.backend.names("log-").count >= 1, "after \(steps) steps")
            if taken < steps { return }
        }
        Issue.record("more steps than were tried")
    }

    /// Every system call of every writing of the ledger fails in turn: nothing moves without a record, and what is on the disk is whole.
    @Test func everyWriteFails() throws {
        for failing in 0..<60 {
            let bench = try Bench.started()
            let wish = bench.wish(), file = bench.file(wish)
            let ledger = try LedgerFile(state: bench.state, worker: nil)
            var calls = 0, runs = 0, isRecorded = false, isLooking = false
            bench.control.onSet = {
                runs += 1
                isLooking = true
                defer { isLooking = false }
                isRecorded = ledger.read().flatMap { LedgerContents($0) }?.records.contains { $0.outcome.identifier == wish.identifier } ?? false
            }
            var hasFailed = false
            withFaults({ name in
                guard ["open", "openat", "write", "fsync", "rename", "renameat", "utimensat", "fstat"].contains(name), !isLooking else { return 0 }
                defer { calls += 1 }
                if calls == failing { hasFailed = true }
                return calls == failing ? ErrorNumber.noSpace : 0
            }) {
                bench.put(file)
            }
            if runs > 0 { #expect(isRecorded, "call \(failing)") }
            #expect(ledger.read().flatMap { LedgerContents($0) } != nil, "call \(failing)")
            // The same again, and once more after a restart.
            bench.put(file)
            let next = try Bench(after: bench)
            next.control.onSet = { runs += 1 }
            try next.start()
            next.put(file)
            #expect(runs == 1, "call \(failing)")
            if !hasFailed {
                #expect(failing > 5)
                return
            }
        }
        Issue.record("more calls than were tried")
    }
}
