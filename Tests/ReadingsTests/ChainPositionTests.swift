import Board
import System
import Testing
@testable import Readings

@Suite struct ChainPositionTests {
    static let day = 86_400 * nanosecondsPerSecond
    /// Batch n has 100 octets and was made on day n.
    static func batch(_ sequence: UInt64) -> StoredBatch {
        StoredBatch(octets: 100, modificationTime: Int64(sequence) * day, sum: SHA256Sum(of: [UInt8(sequence & 255)]))
    }
    static func next(_ sequence: UInt64) -> ChainedBatch? { ChainedBatch(sequence: sequence, stored: batch(sequence)) }
    static func position(_ sequences: ClosedRange<UInt64>) -> ChainPosition {
        var position = ChainPosition()
        for sequence in sequences.reversed() { position.found(sequence: sequence, sum: batch(sequence).sum, octets: 100) }
        return position
    }

    @Test func countsWhatIsFound() {
        let position = Self.position(5...20)
        #expect(position.oldest == 5 && position.newest == 20 && position.count == 16 && position.octets == 1600)
        #expect(position.newestSum == Self.batch(20).sum)
    }
    @Test func byCountATenthAtOnce() {
        let retention = Retention(count: 20, days: 10_000, octets: 1 << 40)
        #expect(Self.position(1...20).expired(by: retention, now: nil, next: Self.next)?.sequence == nil)
        #expect(Self.position(1...21).expired(by: retention, now: nil, next: Self.next)?.sequence == 3, "18 stay")
    }
    @Test func theNewestAlwaysStays() {
        let retention = Retention(count: 1, days: 1, octets: 1)
        #expect(Self.position(1...5).expired(by: retention, now: 100 * Self.day, next: Self.next)?.sequence == 4)
        #expect(Self.position(5...5).expired(by: retention, now: 100 * Self.day, next: Self.next)?.sequence == nil)
    }
    @Test func byOctets() {
        let retention = Retention(count: 1000, days: 10_000, octets: 1000)
        #expect(Self.position(1...11).expired(by: retention, now: nil, next: Self.next)?.sequence == 2, "900 octets stay")
    }
    @Test func byAgeOnlyWithAClock() {
        let retention = Retention(count: 1000, days: 10, octets: 1 << 40)
        #expect(Self.position(1...20).expired(by: retention, now: nil, next: Self.next)?.sequence == nil)
        #expect(Self.position(1...20).expired(by: retention, now: 20 * Self.day, next: Self.next)?.sequence == 9)
        #expect(Self.position(10...20).expired(by: retention, now: 20 * Self.day, next: Self.next)?.sequence == nil, "exactly as old as allowed")
    }
    @Test func missingBatchesAreSteppedOver() {
        let retention = Retention(count: 3, days: 10_000, octets: 1 << 40)
        var position = ChainPosition()
        for sequence: UInt64 in [1, 4, 5, 6] { position.found(sequence: sequence, sum: Self.batch(sequence).sum, octets: 100) }
        let removed = position.expired(by: retention, now: nil) { from in [1, 4, 5, 6].first { $0 >= from }.flatMap { Self.next($0) } }
        #expect(removed?.sequence == 4, "1 and 4 go, 5 and 6 stay")
    }
}
