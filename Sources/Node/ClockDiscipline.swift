import CBus
import CLinux
import Commands
import Content
import EventLoop
import Readings
import System

/// Settles whether the clock or what was signed is wrong, when they disagree (docs/clock.md): asks whether somebody disciplines the clock, and
/// believes it then. Nothing is asked while they agree.
final class ClockDiscipline {
    /// Seconds until it is asked again, doubling: the first, and the longest.
    private static let pause: Int64 = 64, longestPause: Int64 = 3600

    private let clock: NodeClock
    private let loop: EventLoop
    private let worker: Worker
    /// Gets until when the clock had been while it was set, in nanoseconds since 1970.
    private let believed: (Int64) -> Void
    private var isAsking = false
    private var isSaid = false
    private var pause = ClockDiscipline.pause
    private lazy var timer = Timer { [unowned(unsafe) self] in ask() }

    init(clock: NodeClock, loop: EventLoop, worker: Worker, believed: @escaping (Int64) -> Void) {
        self.clock = clock
        self.loop = loop
        self.worker = worker
        self.believed = believed
    }

    /// To be called at the start, once it is known what was signed, and when the clock was set.
    func examine() {
        pause = ClockDiscipline.pause
        ask()
    }

    func close() { loop.cancel(timer) }

    private func ask() {
        loop.cancel(timer)
        guard clock.isDisputed else { isSaid = false; return }
        guard !isAsking else { return }
        guard let question = maud_clock_question_create() else { return wait() }
        let offset = clock.offset
        isAsking = true
        do throws(SystemError) {
            try worker.submit(maud_clock_question_job(question)) { [unowned(unsafe) self] in
                isAsking = false
                let isDisciplined = maud_clock_question_answer(question)
                maud_clock_question_free(question)
                answered(isDisciplined, wasSet: abs(clock.offset - offset) > nanosecondsPerSecond)
            }
        } catch {
            isAsking = false
            maud_clock_question_free(question)
            wait()
        }
    }

    private func answered(_ isDisciplined: Bool, wasSet: Bool) {
        // The answer was about another time.
        if wasSet { return ask() }
        guard isDisciplined else {
            say()
            return wait()
        }
        let before = clock.state, behind = clock.behind
        guard let former = clock.believe() else { return }
        isSaid = false
        var log = Log("clock-believed")
        log.field("behind_s", Int(behind / nanosecondsPerSecond))
        log.field("was_set", before == .set ? "yes" : "no")
        log.write()
        believed(former)
    }

    /// Once, until they agree again.
    private func say() {
        guard !isSaid, clock.state == .unset else { return }
        isSaid = true
        var log = Log("clock-doubted")
        log.field("behind_s", Int(clock.behind / nanosecondsPerSecond))
        log.write()
    }

    private func wait() {
        loop.schedule(timer, after: pause * nanosecondsPerSecond)
        pause = min(2 * pause, ClockDiscipline.longestPause)
    }
}

extension RunningNode {
    /// The clock was set: NTP after boot, mostly.
    func clockChanged() {
        if clock.state == .set { store.restamp() }
        control.clockChanged()
        publisher.clockChanged()
        // Whose key has expired is another question now.
        if backend.friendsAreLoaded { backend.loadFriends() }
        discipline.examine()
    }

    /// The clock is right, and was ahead before. What tells of that on the disk goes when the ledger knows of it.
    func clockBelieved(from former: Int64) {
        control.clockChanged()
        // No command was judged by a clock that was not set.
        if former <= clock.now { store.takeTimesBack() } else { control.commander.clockWentBack(from: former) { [unowned(unsafe) self] in store.takeTimesBack() } }
        publisher.clockChanged()
    }
}
