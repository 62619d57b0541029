import CLinux
import System
import Testing
@testable import EventLoop

/// Somebody always waits: the listener is an eventfd that is ready, and what comes of accepting is scripted.
@Suite struct AcceptorTests {
    private final class Queue {
        let clock = SimulatedClock()
        let loop: EventLoop
        let listener = maud_eventfd()
        var acceptor: Acceptor?
        var answers: [Acceptor.Attempt]
        private(set) var asked = 0
        var closesAfter = Int.max

        init(_ answers: [Acceptor.Attempt]) throws {
            loop = try EventLoop(clock: clock)
            self.answers = answers
            _ = maud_eventfd_signal(listener)
            acceptor = try Acceptor(listener, loop: loop) { [unowned self] in
                asked += 1
                if asked == closesAfter { acceptor?.close() }
                return self.answers.isEmpty ? .nobody : self.answers.removeFirst()
            }
        }

        deinit {
            acceptor?.close()
            _ = maud_close(listener)
        }

        /// How often it was asked in one turn of the loop.
        func turn() throws -> Int {
            let before = asked
            try loop.runOnce(wait: false)
            return asked - before
        }
    }

    @Test func aFloodGetsSixteenOfEachTurn() throws {
        let queue = try Queue(Array(repeating: .next, count: 20))
        #expect(try queue.turn() == 16)
        #expect(try queue.turn() == 5, "the rest, and that nobody is left")
        #expect(try queue.turn() == 1 && queue.loop.nextDeadline == nil)
    }

    @Test func withoutRoomItLooksAwayForASecond() throws {
        let queue = try Queue([.next, .noRoom, .noRoom, .next])
        #expect(try queue.turn() == 2)
        #expect(queue.loop.nextDeadline == Int64(Bounds.acceptPauseSeconds) * nanosecondsPerSecond)
        #expect(try queue.turn() == 0, "it does not spin on who waits")
        queue.clock.sinceBoot += Int64(Bounds.acceptPauseSeconds) * nanosecondsPerSecond - 1
        #expect(try queue.turn() == 0)
        queue.clock.sinceBoot += 1
        _ = try queue.turn() // the timer; who waits is seen in the next turn
        #expect(try queue.turn() == 1, "there is no room yet: it pauses again")
        #expect(try queue.turn() == 0)
        queue.clock.sinceBoot += Int64(Bounds.acceptPauseSeconds) * nanosecondsPerSecond
        _ = try queue.turn()
        #expect(try queue.turn() == 2 && queue.answers.isEmpty && queue.loop.nextDeadline == nil)
    }

    @Test func closedIsClosed() throws {
        let paused = try Queue([.noRoom])
        #expect(try paused.turn() == 1)
        paused.acceptor?.close()
        #expect(paused.loop.nextDeadline == nil)
        let inTheMiddle = try Queue(Array(repeating: .next, count: 3) + [.noRoom])
        inTheMiddle.closesAfter = 2
        #expect(try inTheMiddle.turn() == 2)
        #expect(try inTheMiddle.turn() == 0)
        let atTheEnd = try Queue([.noRoom])
        atTheEnd.closesAfter = 1
        #expect(try atTheEnd.turn() == 1 && atTheEnd.loop.nextDeadline == nil, "nothing begins again")
    }

    @Test func whatAFailureMeans() {
        #expect(Acceptor.Attempt(failing: -ErrorNumber.again) == .nobody)
        for code in [ErrorNumber.processFiles, ErrorNumber.systemFiles, ErrorNumber.noMemory] { #expect(Acceptor.Attempt(failing: -code) == .noRoom) }
        for code in [ErrorNumber.interrupted, ErrorNumber.connectionRefused] { #expect(Acceptor.Attempt(failing: -code) == .next) }
    }
}
