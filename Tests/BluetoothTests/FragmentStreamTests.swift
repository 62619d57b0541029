@testable import Bluetooth
import Testing

/// Each transition of docs/bluetooth.md, section 3, by its clause: one machine, and the test is the other side.
@Suite struct FragmentStreamTests {
    private static let millisecond: Int64 = 1_000_000

    /// A machine, its clock, and what the other side has said: its first number is 200, the machine's own 100.
    private final class Single {
        let machine: FragmentStream
        var now: Int64 = 5_000_000_000

        /// A node with fragments of 20 octets, to which the client gave so much credit.
        init(nodeWithCredit credit: UInt8 = 15, gives window: UInt8 = 8) throws {
            let opening = Opening(identifier: 1, largestFragment: 20)
            machine = try parsed([1 | credit << 4, 200, 0, 1, 20, 0, 1, 0, 0, 0]) {
                FragmentStream(answering: opening, try #require($0), first: 100, largestFragment: 20, credit: window, at: 5_000_000_000)
            }
            #expect(next() == [[1 | window << 4, 100, 200, 1, 20, 0, 1, 0, 0, 0]])
        }

        init(client: Void) { machine = FragmentStream(opening: 1, first: 100, largestFragment: 20, credit: 15, at: now) }

        /// All that it sends now.
        func next() -> [[UInt8]] {
            var sent: [[UInt8]] = [], buffer = [UInt8](repeating: 0, count: Fragment.largest)
            while case let count = buffer.withUnsafeMutableBytes({ machine.next(into: $0) }), count > 0 {
                sent.append(Array(buffer[..<count]))
                machine.isSent(at: now)
            }
            return sent
        }

        func take(_ text: String) { parsed(octets(text)) { if let fragment = $0 { machine.take(fragment, at: now) } else { Issue.record("no fragment") } } }
        func say(_ count: Int, more: Bool = false) -> Int { [UInt8](repeating: 0x41, count: count).withUnsafeBytes { machine.take($0, more: more, at: now) } }
        func read(_ count: Int = 1000) -> [UInt8] {
            var buffer = [UInt8](repeating: 0, count: count)
            return Array(buffer[..<buffer.withUnsafeMutableBytes { machine.read(into: $0, at: now) }])
        }
        /// So much later.
        func pass(_ milliseconds: Int64) {
            now += milliseconds * millisecond
            machine.timeIsDue(at: now)
        }
        var due: Int64? { machine.deadline.map { ($0 - now) / millisecond } }
    }

    @Test func opening_3_1() throws {
        let client = Single(client: ())
        #expect(client.next() == [[0xF1, 100, 0, 1, 20, 0, 1, 0, 0, 0]] && client.say(10) == 0 && client.machine.memory == 0)
        // What belongs to a stream before, and an answer to another open.
        for text in ["08 c8 00 41", "80 c8 64", "04 00 00 01", "04 00 00 02", "81 c8 64 01 1400 02000000", "81 c8 65 01 1400 01000000"] { client.take(text) }
        #expect(!client.machine.isOpen && client.machine.ending == nil)
        client.take("81 c8 64 01 1400 01000000")
        #expect(client.machine.isOpen && client.say(10) == 10 && client.next() == [[0xF8, 100, 200] + [UInt8](repeating: 0x41, count: 10)])
        // The answer once more changes nothing.
        client.take("81 c8 64 01 1400 01000000")
        client.take("88 c8 65 42")
        #expect(client.read() == [0x42])
    }

    @Test(arguments: [3, 5, 6, 7]) func refused_3_1(_ reason: UInt8) {
        let client = Single(client: ())
        client.take("04 00 00 0\(reason)")
        #expect(client.machine.ending == .closedByPeer(CloseReason(rawValue: reason)) && client.due == nil)
    }

    @Test func anotherVersionAnswers() {
        let client = Single(client: ())
        _ = client.next()
        client.take("81 c8 64 02")
        #expect(client.next() == [[0xF4, 100, 0, 3, 1]] && client.machine.ending == .closedHere(.version))
    }

    @Test func openedAgain_3_3() throws {
        let node = try Single()
        #expect(node.say(5) == 5 && node.next().count == 1)
        node.machine.isOpenedAgain()
        #expect(node.next() == [[0x81, 100, 200, 1, 20, 0, 1, 0, 0, 0]])
    }

    @Test func inSequence_3_4() throws {
        let node = try Single()
        node.take("08 c8 64 41")
        #expect(node.next().isEmpty && node.due == 20)
        node.take("08 c8 64 41")
        node.take("08 ca 64 43")
        #expect(node.next() == [[0x73, 100, 201]] && node.due == nil)
        // Further ones: within 20 ms, once.
        node.take("08 cb 64 44")
        node.take("08 cc 64 45")
        #expect(node.next().isEmpty && node.due == 20)
        node.pass(20)
        #expect(node.next() == [[0x73, 100, 201]])
        node.take("08 c9 64 42")
        node.take("08 ca 64 43")
        #expect(node.read() == [0x41, 0x42, 0x43])
        // A gap at another number is told at once again.
        node.take("08 cc 64 45")
        #expect(node.next() == [[0x83, 100, 203]])
    }

    @Test(arguments: [("08 d0 64 41", 208), ("08 47 64 41", 71)]) func beyondTheCredit_2_5(_ text: String, _ number: Int) throws {
        let node = try Single()
        node.take(text)
        #expect(node.next() == [[0x84, 100, 200, 2]] && node.machine.ending == .closedHere(.violation) && node.machine.memory == 0)
    }

    @Test func afterTheEnd() throws {
        let node = try Single()
        node.take("0a c8 64 41")
        node.take("08 c9 64 41")
        #expect(node.machine.ending == .closedHere(.violation) && node.read() == [0x41])
    }

    @Test func gapRepeatsAll_3_5a() throws {
        let node = try Single()
        #expect(node.say(40) == 40)
        let first = node.next()
        #expect(first.map { $0.count } == [20, 20, 9])
        node.take("f3 c8 64")
        #expect(node.next() == first)
        node.pass(199)
        node.take("f3 c8 64")
        #expect(node.next().isEmpty)
        node.pass(1)
        node.take("f3 c8 64")
        #expect(node.next() == first)
        // For another number at once; for one that is acknowledged never.
        node.take("f3 c8 65")
        #expect(node.next() == Array(first[1...]))
        node.take("f3 c8 64")
        #expect(node.next().isEmpty)
        // An acknowledgement repeated is none.
        node.take("f0 c8 65")
        #expect(node.next().isEmpty)
    }

    @Test func timeOut_3_5b_3_8() throws {
        let node = try Single()
        #expect(node.say(1) == 1 && node.next().count == 1)
        for pause: Int64 in [500, 1000, 2000, 4000, 8000, 8000] {
            #expect(node.due == pause)
            node.pass(pause - 1)
            #expect(node.next().isEmpty)
            node.pass(1)
            #expect(node.next() == [[0x88, 100, 200, 0x41]])
        }
        #expect(node.due == 6500)
        node.pass(6500)
        #expect(node.next() == [[0x84, 101, 200, 4]] && node.machine.ending == .closedHere(.timeOut))
    }

    @Test func progressBeginsAnew_3_5b() throws {
        let node = try Single()
        #expect(node.say(30) == 30 && node.next().count == 2)
        node.pass(500)
        #expect(node.next().count == 2 && node.due == 1000)
        node.take("f0 c8 65")
        #expect(node.due == 500)
        node.take("f0 c8 66")
        #expect(node.due == nil)
    }

    @Test func acknowledgements_3_6() throws {
        let node = try Single()
        for number in 200..<203 { node.take("08 \(String(number, radix: 16)) 64 41") }
        #expect(node.due == 20)
        node.take("08 cb 64 41")
        #expect(node.due == 0 && node.next().isEmpty)
        // The reader comes first: one acknowledgement, with the credit.
        #expect(node.read().count == 4)
        node.pass(0)
        #expect(node.next() == [[0x80, 100, 204]] && node.due == nil)
        // Data acknowledges as well.
        node.take("08 cc 64 41")
        #expect(node.say(1) == 1 && node.next() == [[0x78, 100, 205, 0x41]])
    }

    @Test func creditGivenBack_3_6() throws {
        let node = try Single()
        let full = " " + String(repeating: "41", count: 17)
        for number in 200..<208 { node.take("08 \(String(number, radix: 16)) 64" + full) }
        node.pass(0)
        #expect(node.next() == [[0x00, 100, 208]])
        // A little for one who has none, soon.
        #expect(node.read(17).count == 17 && node.next().isEmpty && node.due == 20)
        node.pass(20)
        #expect(node.next() == [[0x10, 100, 208]])
        // Half of the window, at once.
        #expect(node.read(3 * 17).count == 51 && node.next().isEmpty)
        #expect(node.read(17).count == 17 && node.next() == [[0x50, 100, 208]])
    }

    @Test func question_3_7() throws {
        let node = try Single(nodeWithCredit: 1)
        #expect(node.say(60) == 60 && node.next().count == 1)
        node.take("00 c8 65")
        #expect(node.next().isEmpty && node.due == 500)
        for pause: Int64 in [500, 1000, 2000] {
            node.pass(pause)
            #expect(node.next() == [[0x82, 101, 200]])
        }
        // Asked by the other side.
        node.take("02 c8 65")
        #expect(node.next() == [[0x80, 101, 200]])
        node.take("20 c8 65")
        #expect(node.next().map { $0.count } == [20, 20] && node.due == 500)
    }

    /// Answers without credit keep a stream, but not one whose owner has gone.
    @Test(arguments: [false, true]) func noCreditForLong_3_8(_ isClosed: Bool) throws {
        let node = try Single(nodeWithCredit: 0)
        #expect(node.say(10) == 10 && node.next().isEmpty)
        if isClosed { node.machine.close(at: node.now) }
        for _ in 0..<60 {
            node.pass(1000)
            if node.next().contains(where: { $0[0] & 15 == 2 }) { node.take("00 c8 64") }
        }
        #expect(node.machine.ending == (isClosed ? .closedHere(.timeOut) : nil))
    }

    /// 2.6: old acknowledgements take nothing back, and what was never sent acknowledges nothing.
    @Test(arguments: ["f0 c8 63", "f0 c8 66", "10 c8 64", "f0 c8 e4"]) func strangeAcknowledgements_2_6(_ text: String) throws {
        let node = try Single(nodeWithCredit: 3)
        #expect(node.say(17) == 17 && node.next().count == 1)
        node.take(text)
        #expect(node.machine.ending == nil && node.say(51) == 51 && node.next().count == 2)
    }

    @Test func finish_3_9() throws {
        let node = try Single()
        #expect(node.say(20) == 20)
        node.machine.finish(at: node.now)
        #expect(node.next().map { $0[0] } == [0x88, 0x8A] && node.say(1) == 0)
        node.take("fa c8 66")
        #expect(node.machine.isAtEnd && node.machine.ending == nil)
        node.pass(20)
        #expect(node.next() == [[0x00, 102, 201]] && node.machine.ending == .finished && node.machine.memory == 0)
        // The acknowledgement was lost.
        node.take("fa c8 66")
        #expect(node.next() == [[0x00, 102, 201]])
        node.take("f0 c9 66")
        #expect(node.next().isEmpty && node.due == nil)
    }

    @Test func close_3_10() throws {
        let node = try Single()
        #expect(node.say(5) == 5)
        node.machine.close(at: node.now)
        #expect(node.next() == [[0x8A, 100, 200, 0x41, 0x41, 0x41, 0x41, 0x41]])
        node.take("f8 c8 64 42")
        #expect(node.machine.ending == nil && node.read().isEmpty)
        node.take("f0 c9 65")
        #expect(node.next() == [[0x84, 101, 201, 0]] && node.machine.ending == .closedHere(.done))
    }

    /// Sent together when more follows at once, and when the rest did not fit.
    @Test func more() throws {
        let node = try Single()
        #expect(node.say(10, more: true) == 10 && node.next().isEmpty)
        #expect(node.say(24) == 24 && node.next().map { $0.count } == [20, 20])
        #expect(node.say(1000) == 15 * 17 - 34 && node.next().count == 13)
        node.take("f0 c8 6d")
        #expect(node.say(3) == 3 && node.next().map { $0.count } == [6])
    }

    @Test(arguments: [UInt8(1), 9]) func closedByPeer_4(_ reason: UInt8) throws {
        let node = try Single()
        node.take("08 c8 64 41")
        node.take("04 00 00 0\(reason)")
        #expect(node.machine.ending == .closedByPeer(CloseReason(rawValue: reason)) && node.say(1) == 0 && node.next().isEmpty && node.due == nil)
        #expect(node.read() == [0x41] && node.machine.memory == 0)
    }
}
