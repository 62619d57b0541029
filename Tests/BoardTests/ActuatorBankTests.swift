@testable import Board
import EventLoop
import System
import Testing

/// docs/board.md, "Its safe value".
@Suite(.serialized) struct ActuatorBankTests {
    private let tree: FakeTree
    private let clock = SimulatedClock()
    private let loop: EventLoop
    private let worker: Worker

    init() throws {
        tree = try FakeTree()
        loop = try EventLoop(clock: clock)
        worker = try Worker(loop: loop)
    }

    private func bank(_ actuators: String) throws -> ActuatorBank {
        ActuatorBank(actuators: try Board(json: Array(#"{"name": "b", "actuators": [\#(actuators)]}"#.utf8)).actuators, paths: tree.paths, loop: loop, worker: worker)
    }

    private func run(_ bank: ActuatorBank) throws {
        while !bank.isIdle { try loop.runOnce(wait: true) }
    }

    private func set(_ bank: ActuatorBank, _ value: Int64) throws -> Bool {
        var isSet: Bool?
        bank.set(0, to: value) { isSet = $0 }
        while isSet == nil { try loop.runOnce(wait: true) }
        return isSet ?? false
    }

    private func advance(_ seconds: Int64) throws {
        clock.sinceBoot += seconds * nanosecondsPerSecond
        try loop.runOnce(wait: false)
    }

    private var value: String? { (try? Files.read(tree.root + "/value", limit: 100))?.text }
    private var file: String { #""source": {"type": "file", "path": "\#(tree.root)/value"}"# }

    @Test func atStartAndAtTheEnd() throws {
        let bank = try bank(#"{"name": "a", "title": "A", "type": "level", "maximum": 9, "safe": 3, \#(file)}"#)
        #expect(bank.value(0) == nil)
        bank.start()
        try run(bank)
        #expect(bank.value(0) == 3 && value == "3\n")
        #expect(try set(bank, 7))
        #expect(bank.value(0) == 7 && value == "7\n")
        var changed: [Int] = []
        bank.changed = { changed.append($0) }
        bank.stop()
        try run(bank)
        #expect(value == "3\n" && changed == [0])
        // Nothing to do the second time.
        bank.stop()
        #expect(bank.isIdle)
    }

    @Test func whenNoCommandCame() throws {
        let bank = try bank(#"{"name": "a", "title": "A", "type": "switch", "holdTime": 10, \#(file)}"#)
        var changed: [Int] = []
        bank.changed = { changed.append($0) }
        bank.start()
        try run(bank)
        #expect(loop.nextDeadline == nil)
        #expect(try set(bank, 1))
        try advance(9)
        #expect(bank.value(0) == 1)
        // The same value again is a command too.
        #expect(try set(bank, 1))
        try advance(9)
        #expect(bank.value(0) == 1 && changed.isEmpty)
        try advance(1)
        try run(bank)
        #expect(bank.value(0) == 0 && value == "0\n" && changed == [0] && bank.releases == 1)
        #expect(loop.nextDeadline == nil)
        #expect(try set(bank, 0))
        #expect(loop.nextDeadline == nil, "it is safe already")
    }

    @Test func whenSettingItFailed() throws {
        let bank = try bank(#"{"name": "a", "title": "A", "type": "level", "maximum": 9, "safe": 3, "source": {"type": "file", "path": "\#(tree.root)/d/value"}}"#)
        bank.start()
        try run(bank)
        #expect(bank.value(0) == nil && bank.failures == 1)
        #expect(try !set(bank, 5))
        try run(bank)
        #expect(bank.value(0) == nil && bank.failures == 3, "the command and the safe state")
        try tree.write("d/other", "")
        var changed: [Int] = []
        bank.changed = { changed.append($0) }
        try advance(5)
        try run(bank)
        #expect(bank.value(0) == 3 && changed == [0])
        #expect(loop.nextDeadline == nil)
    }

    /// What is asked for is set in order, one after the other, and a safe state comes before what waits.
    @Test func oneAfterTheOther() throws {
        let script = try tree.script("set", "read value; echo $value >> \(tree.root)/told; [ $value != 5 ]")
        let bank = try bank(#"{"name": "a", "title": "A", "type": "level", "maximum": 9, "safe": 3, "source": {"type": "command", "arguments": ["\#(script)"], "timeout": 20}}"#)
        var results: [Bool] = []
        for value: Int64 in [1, 5, 2] { bank.set(0, to: value) { results.append($0) } }
        #expect(!bank.isIdle)
        try run(bank)
        #expect(results == [true, false, true])
        #expect(try Files.read(tree.root + "/told", limit: 100).text == "1\n5\n3\n2\n")
        #expect(bank.value(0) == 2)
        bank.close()
    }

    // MARK: Programs that take their time

    /// A level set by a program that writes down what it is told, and then does what `body` says.
    private func program(_ body: String, _ keys: String = "") throws -> ActuatorBank {
        let script = try tree.script("set", "read value; echo $value >> \(tree.root)/told; \(body)")
        return try bank(#"{"name": "a", "title": "A", "type": "level", "maximum": 9, "safe": 3, \#(keys)"source": {"type": "command", "arguments": ["\#(script)"], "timeout": 20}}"#)
    }
    private var told: String { (try? Files.read(tree.root + "/told", limit: 1000))?.text ?? "" }
    private func waitUntil(told text: String) throws { while told != text { try loop.runOnce(wait: false) } }
    private var waitsForGo: String { "while [ $value != 3 ] && [ ! -e \(tree.root)/go-$value ]; do sleep 0.02; done" }

    /// The hold time of the command before ends while the next one is being carried out.
    @Test func aCommandThatIsBeingCarriedOutHasCome() throws {
        let bank = try program(waitsForGo, #""holdTime": 10, "#)
        try tree.write("go-1", "")
        #expect(try set(bank, 1))
        try advance(9)
        var isSet: Bool?
        bank.set(0, to: 2) { isSet = $0 }
        try waitUntil(told: "1\n2\n")
        try advance(2)
        try tree.write("go-2", "")
        try run(bank)
        #expect(isSet == true && bank.value(0) == 2 && bank.releases == 0 && told == "1\n2\n")
        try advance(9)
        #expect(bank.isIdle)
        try advance(1)
        try run(bank)
        #expect(bank.value(0) == 3 && bank.releases == 1)
    }

    /// The safe state is the last thing that happens, whatever waited or runs for ever.
    @Test func atTheEndTheSafeStateIsTheLast() throws {
        let bank = try program(waitsForGo)
        var results: [Bool] = []
        for value: Int64 in [1, 2] { bank.set(0, to: value) { results.append($0) } }
        try waitUntil(told: "1\n")
        bank.stop()
        bank.set(0, to: 4) { results.append($0) }
        try run(bank)
        #expect(results == [false, false, false])
        #expect(told == "1\n3\n" && bank.value(0) == 3)
        bank.set(0, to: 5) { results.append($0) }
        #expect(bank.isIdle && results.count == 4 && bank.value(0) == 3)
        bank.close()
    }

    /// A program that never ends is killed, and then the safe state is taken at once.
    @Test func aProgramThatNeverEnds() throws {
        let bank = try program("[ $value = 3 ] || sleep 1000")
        var isSet: Bool?
        bank.set(0, to: 5) { isSet = $0 }
        try waitUntil(told: "5\n")
        try advance(20)
        try run(bank)
        #expect(isSet == false && bank.value(0) == 3 && told == "5\n3\n" && bank.failures == 1)
        #expect(loop.nextDeadline == nil)
    }

    @Test func whatAProgramPrintsDoesNotMatter() throws {
        let bank = try program("head -c 100000 /dev/zero")
        #expect(try set(bank, 5) && bank.value(0) == 5)
    }
}
