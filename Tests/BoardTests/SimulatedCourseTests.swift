@testable import Board
import System
import Testing

@Suite struct SimulatedCourseTests {
    private func values(_ waveform: Waveform, low: Int64, high: Int64, cycle: Int, period: Int64 = nanosecondsPerSecond, _ count: Int64) -> [Int64] {
        let course = SimulatedCourse(waveform, low: low, high: high, cycleSeconds: cycle, period: period)
        return (0..<count).map(course.value)
    }

    @Test func waveforms() {
        #expect(values(.constant, low: 7, high: 9, cycle: 4, 3) == [7, 7, 7])
        #expect(values(.square, low: -5, high: 5, cycle: 4, 6) == [-5, -5, 5, 5, -5, -5])
        #expect(values(.sawtooth, low: 0, high: 100, cycle: 4, 6) == [0, 25, 50, 75, 0, 25])
        #expect(values(.triangle, low: 18_000, high: 24_000, cycle: 6, 8) == [18_000, 20_000, 22_000, 24_000, 22_000, 20_000, 18_000, 20_000])
        #expect(values(.triangle, low: 0, high: 10, cycle: 5, 6) == [0, 4, 8, 8, 4, 0])
    }

    @Test func halvesAreRoundedAwayFromZero() {
        #expect(values(.sawtooth, low: 0, high: 2, cycle: 4, 4) == [0, 1, 1, 2])
        #expect(values(.sawtooth, low: 0, high: -2, cycle: 4, 4) == [0, -1, -1, -2])
        #expect(values(.sawtooth, low: -3, high: -1, cycle: 4, 4) == [-3, -3, -2, -2])
        #expect(values(.sawtooth, low: 3, high: 1, cycle: 4, 4) == [3, 3, 2, 2])
        #expect(values(.sawtooth, low: -1, high: 1, cycle: 4, 4) == [-1, -1, 0, 1])
    }

    @Test func shortAndLongPeriodsKeepTheCourse() {
        #expect(values(.sawtooth, low: 0, high: 1000, cycle: 1, period: 100_000_000, 4) == [0, 100, 200, 300])
        #expect(values(.sawtooth, low: 0, high: 86_400, cycle: 86_400, period: 86_399 * nanosecondsPerSecond, 3) == [0, 86_399, 86_398])
    }

    @Test func theLargestNumbersDoNotOverflow() {
        let most: Int64 = 999_999_999_999_999_999
        let course = SimulatedCourse(.sawtooth, low: -most, high: most, cycleSeconds: 86_400, period: 86_399_999 * 1_000_000)
        #expect(course.value(at: 0) == -most)
        #expect(course.value(at: 1) > most - 100_000_000_000)
        #expect((-most...most).contains(course.value(at: Int64.max)))
    }
}
