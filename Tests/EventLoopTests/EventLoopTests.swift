import CLinux
import Testing
import System
@testable import EventLoop

final class SimulatedClock: Clock {
    var realtime: Int64 = 0
    var sinceBoot: Int64 = 0
}

@Suite struct EventLoopTests {
    @Test func timersFireInOrderAndOnce() throws {
        let clock = SimulatedClock()
        let loop = try EventLoop(clock: clock)
        var fired: [Int] = []
        let a = Timer { fired.append(1) }, b = Timer { fired.append(2) }, c = Timer { fired.append(3) }
        loop.schedule(b, at: 20); loop.schedule(a, at: 10); loop.schedule(c, at: 30)
        loop.cancel(c)
        #expect(loop.nextDeadline == 10)
        clock.sinceBoot = 25
        #expect(try loop.runOnce(wait: false))
        #expect(fired == [1, 2])
        #expect(try !loop.runOnce(wait: false))
        #expect(loop.nextDeadline == nil)
    }

    @Test func aDescriptorRemovedByAnEarlierHandlerIsNotCalled() throws {
        let loop = try EventLoop(clock: SystemClock())
        let a = maud_eventfd(), b = maud_eventfd()
        var calls = 0
        for fd in [a, b] {
            try loop.add(fd, .read) { _ in calls += 1; loop.remove(a); loop.remove(b) }
            _ = maud_eventfd_signal(fd)
        }
        try loop.runOnce(wait: false)
        #expect(calls == 1)
        _ = maud_close(a); _ = maud_close(b)
    }
}

/// A job that the test owns: counts on the worker's thread.
private func counting(_ job: UnsafeMutablePointer<maud_job>?) {}

@Suite struct WorkerTests {
    @Test func completionsRunOnTheLoopInOrderAndTheBoundHolds() throws {
        let loop = try EventLoop(clock: SystemClock())
        let worker = try Worker(loop: loop, capacity: 2)
        let jobs = UnsafeMutablePointer<maud_job>.allocate(capacity: 3)
        defer { jobs.deallocate() }
        for index in 0..<3 { jobs[index] = maud_job(run: counting, owner: nil, next: nil) }
        var done: [Int] = []
        try worker.submit(jobs) { done.append(0) }
        try worker.submit(jobs + 1) { done.append(1) }
        #expect(throws: SystemError.self) { try worker.submit(jobs + 2) { done.append(2) } }
        try worker.drain()
        #expect(done == [0, 1])
        try worker.submit(jobs + 2) { done.append(2) }
        try worker.stop()
        #expect(done == [0, 1, 2])
    }
}
