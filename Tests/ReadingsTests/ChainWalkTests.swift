import System
import Testing
@testable import Readings

/// docs/vocabulary.md, 3.4: what `mau verify` and `maud log` tell of a chain.
@Suite struct ChainWalkTests {
    private func sum(_ number: UInt64) -> SHA256Sum { SHA256Sum(of: Array("file \(number)".utf8)) }

    @Test func aChainThatHolds() {
        var walk = ChainWalk()
        for number in UInt64(1)...4 {
            #expect(walk.reach(number) == nil && walk.pass(sum(number), naming: number == 1 ? nil : sum(number - 1)) == nil)
        }
        #expect(walk.expected == 5)
    }

    @Test func whatDoesNotGoOn() {
        var walk = ChainWalk()
        #expect(walk.pass(sum(1), naming: sum(9)) == .firstNamesOne)
        #expect(walk.pass(sum(2), naming: nil) == .namesNone)
        #expect(walk.pass(sum(3), naming: sum(9)) == .namesAnother)
        #expect(walk.pass(sum(4), naming: sum(3)) == nil)
    }

    /// Behind a gap, and behind what is not believed, anything may come.
    @Test func gaps() {
        var walk = ChainWalk()
        #expect(walk.reach(3) == 1...2)
        #expect(walk.pass(sum(3), naming: sum(9)) == nil)
        walk.passUnread()
        #expect(walk.expected == 5 && walk.reach(5) == nil && walk.pass(sum(5), naming: sum(9)) == nil)
        #expect(walk.reach(7) == 6...6)
    }

    @Test func whatWasRemovedIsNotMissing() {
        var walk = ChainWalk()
        walk.goOn(after: 4, sum(4))
        #expect(walk.reach(5) == nil && walk.pass(sum(5), naming: sum(9)) == .namesAnother)
    }
}
