@testable import Commands
import OpenPGP
import System
import Testing
import Vocabulary

extension Bench {
    func change(_ kind: String, _ subject: Fingerprint = Sample.other, key: String? = "a2V5", after seconds: Double = 0) -> Wish {
        Wish(kind: kind, subject: subject, key: key, start: now + seconds)
    }
}

/// docs/commands.md, part 10.
@Suite struct CommanderControllersTests {
    @Test(arguments: ["AddController", "RemoveController", "HandOver", "RenewKey"])
    func aChangeIsCarriedOutAnsweredAndLogged(_ kind: String) throws {
        let bench = try Bench.started()
        var seen: LedgerRecord?
        let file = try LedgerFile(state: bench.state, worker: nil)
        bench.backend.onCarryOut = { seen = file.read().flatMap { LedgerContents($0) }?.records.last }
        let wish = bench.change(kind), result = try #require(bench.command(wish))
        #expect(result.isCarriedOut)
        #expect(result.answer.contains(#""@type":["Answer","\#(kind)"]"#))
        #expect(result.answer.contains(#""object":{"@type":"PublicKey","identifier":"\#(Sample.other.description)"}"#))
        #expect(!result.answer.contains("a2V5"), "the key itself is not said again")
        #expect(bench.backend.text("log-000000000001.json.pgp").contains(#""@type":["Answer","\#(kind)"]"#))
        let request = try #require(bench.backend.requests.last)
        #expect(request.kind.term.description == kind && request.fingerprint == Sample.other)
        #expect(request.key == (kind == "RemoveController" ? [] : Array("key".utf8)))
        // Its record was on the disk before anything changed, and says what kind it is.
        #expect(seen?.state == .begun && seen?.outcome.kind.term.description == kind && seen?.outcome.identifier == wish.identifier)
        #expect(bench.control.values.isEmpty && bench.commander.isIdle)
        #expect(bench.commander.counters.controllerChanges == (kind == "RenewKey" ? 0 : 1))
        #expect(bench.commander.counters.keysTakenOver == (kind == "RenewKey" ? 1 : 0))
    }

    @Test func whatTheKeysSayIsAnswered() throws {
        let bench = try Bench.started()
        for (number, fault) in [CommandFault.lastController, .badKey, .unusableKey, .sharedSubkey, .ownKey, .noSuchController, .tooManyFriends].enumerated() {
            bench.backend.preparation = .failure(.refused(fault))
            #expect(bench.command(bench.change("HandOver", after: Double(number)))?.error == fault.term.description)
        }
        bench.backend.preparation = .failure(.busy)
        let wish = bench.change("AddController", after: 30)
        #expect(bench.command(wish)?.isBusy == true)
        bench.backend.preparation = .success(true)
        #expect(bench.command(wish)?.isCarriedOut == true, "what was not judged may come again")
        bench.backend.carriesOut = false
        #expect(bench.command(bench.change("AddController", after: 31))?.error == "not-stored")
    }

    @Test func onlyControllersChangeAnythingButTheirOwnKey() throws {
        let bench = try Bench.started()
        for kind in ["AddController", "RemoveController", "HandOver"] {
            #expect(bench.command(bench.change(kind), from: Sample.other)?.error == "not-controller")
        }
        #expect(bench.command(bench.change("RenewKey", Sample.controller), from: Sample.other)?.error == "not-controller")
        #expect(bench.backend.requests.isEmpty)
        #expect(bench.command(bench.change("RenewKey"), from: Sample.other)?.isCarriedOut == true)
    }

    @Test func whoeverIsRemovedWhileGPGLooksCommandsNothing() throws {
        let bench = try Bench.started()
        let (place, _) = bench.commander.enter(isProven: true)
        var result: CommandResult?
        bench.commander.receive(bench.file(bench.change("HandOver")), from: Sample.controller, name: Array("c.pgp".utf8), place: place) { result = $0 }
        while bench.backend.requests.isEmpty { #expect(bench.backend.step()) }
        bench.backend.controllers = []
        bench.backend.run()
        #expect(result?.error == "not-controller")
        #expect(!bench.backend.events.contains { $0.hasPrefix("carry") })
    }

    @Test func oneAfterTheOther() throws {
        let bench = try Bench.started()
        bench.backend.controllers = [Sample.controller, Sample.other]
        var done: [Int] = []
        // The second one is judged when the first one's answer is out.
        for (number, sender) in [Sample.controller, Sample.other].enumerated() {
            bench.commander.receive(bench.file(bench.change("RemoveController", sender == Sample.other ? Sample.controller : Sample.other), from: sender), from: sender,
                                    name: nil, place: nil) { _ in
                done.append(number)
                bench.backend.controllers.removeLast()
            }
        }
        while done.isEmpty {
            #expect(bench.backend.requests.count <= 1)
            #expect(bench.backend.step())
        }
        bench.backend.run()
        #expect(done == [0] || done == [0, 1])
        #expect(bench.commander.isIdle)
        #expect(bench.backend.requests.count == 1, "the second one's sender was no controller any more")
    }

    @Test func noMoreWaitThanMay() throws {
        let bench = try Bench.started()
        var busy = 0
        for number in 0..<(Bounds.commandsAtOnce + Bounds.commandsWaiting) {
            bench.commander.receive(bench.file(bench.change("RenewKey", after: Double(number))), from: Sample.controller, name: nil, place: nil) { if $0.isBusy { busy += 1 } }
        }
        bench.backend.run()
        #expect(busy == Bounds.commandsWaiting - 1)
        #expect(bench.commander.isIdle)
    }

    @Test func theyAreOrderedAmongThemselves() throws {
        let bench = try Bench.started()
        #expect(bench.command(bench.change("AddController", after: 10))?.isCarriedOut == true)
        #expect(bench.command(bench.change("RemoveController", after: 9))?.error == "reordered")
        #expect(bench.command(bench.wish(after: 5))?.isCarriedOut == true, "actuators have an order of their own")
        #expect(bench.command(bench.change("RemoveController", after: 11))?.isCarriedOut == true)
    }

    @Test func oneThatIsFoundBegunIsInterrupted() throws {
        let bench = try Bench.started()
        let wish = bench.change("HandOver")
        let (place, _) = bench.commander.enter(isProven: true)
        bench.commander.receive(bench.file(wish), from: Sample.controller, name: Array("c.pgp".utf8), place: place) { _ in }
        var isUnderWay = false
        bench.backend.onCarryOut = { isUnderWay = true }
        while !isUnderWay { #expect(bench.backend.step()) }
        bench.backend.dropQueue()
        let next = try Bench(after: bench)
        try next.start()
        let answer = next.backend.text(wish.identifier.answerName.text)
        #expect(answer.contains(#""error":"interrupted""#) && answer.contains(#"["Answer","HandOver"]"#))
        #expect(next.command(wish)?.isRepeated == true)
    }

    @Test func aPublishedKeyIsTakenOverOnce() throws {
        let bench = try Bench.started()
        let key = Array("a key".utf8)
        bench.commander.receive(key: key, of: Sample.other, signed: 1_500_000_000_000) { _ in }
        bench.backend.run()
        #expect(bench.backend.requests.map(\.key) == [key] && bench.backend.requests.map(\.fingerprint) == [Sample.other])
        #expect(bench.commander.counters.keysTakenOver == 1)
        let answers = bench.backend.names("a-")
        #expect(answers.count == 1 && bench.backend.text(answers[0]).hasPrefix("fingerprints:\(Sample.other.description)\n"))
        #expect(bench.backend.names("log-").count == 1)
        bench.commander.receive(key: key, of: Sample.other, signed: 1_500_000_000_000) { _ in }
        bench.backend.preparation = .success(false)
        bench.commander.receive(key: Array("old".utf8), of: Sample.other, signed: 1_500_000_000_000) { _ in }
        bench.commander.receive(key: key, of: Sample.device, signed: 1_500_000_000_000) { _ in }
        bench.backend.run()
        #expect(bench.commander.counters.keysTakenOver == 1 && bench.backend.names("log-").count == 1)
        #expect(bench.commander.isIdle)
    }

    // MARK: Claims (docs/claim.md, 3.5)

    private func claim(_ bench: Bench, isFree: @escaping () -> Bool = { true }) -> CommandResult? {
        var result: CommandResult?
        bench.commander.claim(by: Sample.other, key: Array("key".utf8), isFree: isFree) { result = $0 }
        bench.backend.run()
        return result
    }

    @Test func aClaimerBecomesAController() throws {
        let bench = try Bench.started()
        #expect(claim(bench)?.isCarriedOut == true)
        let request = try #require(bench.backend.requests.last)
        #expect(request.kind == .addController && request.fingerprint == Sample.other && request.key == Array("key".utf8))
        #expect(bench.commander.isIdle)
    }

    @Test func aClaimThatFails() throws {
        let bench = try Bench.started()
        bench.backend.preparation = .failure(.refused(.badKey))
        if case .failed? = claim(bench) {} else { Issue.record("a key that is refused") }
        bench.backend.preparation = .failure(.busy)
        #expect(claim(bench)?.isBusy == true)
        bench.backend.preparation = .success(true)
        #expect(claim(bench, isFree: { false })?.isBusy == true, "somebody was faster")
        #expect(!bench.backend.events.contains { $0.hasPrefix("carry") })
        bench.backend.carriesOut = false
        #expect(claim(bench)?.isBusy == true, "the disk")
        bench.backend.carriesOut = true
        #expect(claim(bench)?.isCarriedOut == true && bench.commander.isIdle)
        bench.commander.stop()
        #expect(claim(bench)?.isBusy == true)
    }

    /// What commands change is looked at one after the other, and so is this.
    @Test func aClaimWaitsForItsTurn() throws {
        let bench = try Bench.started()
        let (place, _) = bench.commander.enter(isProven: true)
        var order: [String] = []
        bench.commander.receive(bench.file(bench.change("RenewKey"), from: Sample.other), from: Sample.other, name: Array("c.pgp".utf8), place: place) { _ in order.append("renewed") }
        while bench.backend.requests.isEmpty { #expect(bench.backend.step()) }
        bench.commander.claim(by: Sample.other, key: [], isFree: { true }) { _ in order.append("claimed") }
        #expect(bench.backend.requests.count == 1)
        bench.backend.run()
        #expect(order == ["renewed", "claimed"] && bench.backend.requests.count == 2)
    }

    @Test(arguments: [("", [UInt8]()), ("Zg==", Array("f".utf8)), ("Zm8=", Array("fo".utf8)), ("Zm9v", Array("foo".utf8)), ("+/+/", [0xFB, 0xFF, 0xBF])])
    func base64(_ text: String, _ octets: [UInt8]) { #expect(Base64.octets(Array(text.utf8)) == octets) }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Zm9=", "=", "====", "Zm 9", "Zm9v\n", "Zg==Zg==", "Z===", "Zm9-"])
    func noBase64(_ text: String) { #expect(Base64.octets(Array(text.utf8)) == nil) }

    @Test func aKeyHasABound() throws {
        let fits = String(repeating: "AAAA", count: Bounds.commandKey / 3), tooLong = fits + "AAAA"
        #expect(throws: Never.self) { try Command(Wish(kind: "AddController", key: fits).text) }
        #expect(throws: (any Error).self) { try Command(Wish(kind: "AddController", key: tooLong).text) }
        #expect(throws: (any Error).self) { try Command(Wish(kind: "AddController", key: nil).text) }
        #expect(throws: Never.self) { try Command(Wish(kind: "RemoveController", key: nil).text) }
    }
}
