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
}
